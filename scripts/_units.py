"""Units in which figures show values: accuracies in %, their differences in points. Files keep fractions. And short
names of axes."""

import math
from typing import NamedTuple

# Of columns of a run's files, where no quantity states one.
OF_COLUMNS = {"accuracy": "%", "accuracy_lost": "points", "loss": "nats", "seconds": "s"}
LARGEST_LOGARITHM = 709  # of a float
# Reductions that leave a value what the column holds.
SAME_UNIT = ("final", "best", "minimum", "maximum", "mean", "median", "at", "at_level")
SPREADS = ("range", "standard_deviation", "detrended_deviation")  # distances between values, in the same unit
STEPS = ("steps_to", "first_non_finite")


class Unit(NamedTuple):
    """A name, "" where there is none, and how the values of files become those that are shown: times `factor`, or of
    the logarithm of a factor e to the power of `power` times it."""
    name: str = ""
    factor: float = 1
    power: int = 0

    def __call__(self, value):
        """A file's value as it is shown, without the digits that the product adds."""
        if self.power:
            logarithm = self.power * value
            return math.exp(logarithm) if logarithm < LARGEST_LOGARITHM else math.inf
        return value if self.factor == 1 or value is None else float(f"{self.factor * value:.12g}")

    def after(self, text):
        return f"{text} ({self.name})" if self.name else text


def unit_of_column(column):
    """Of a column, or of a quantity that is named after one, as final_accuracy."""
    name = OF_COLUMNS.get(column) or OF_COLUMNS.get(column.rpartition("_")[2], "")
    return Unit(name, 100) if name in ("%", "points") else Unit(name)


def unit_of_quantity(quantity):
    """Of a quantity of experiment.json, a dict."""
    series, over_rows = quantity["series"], quantity.get("over_rows")
    over_time = series.get("over_time") or "final"
    if quantity.get("unit"):
        return Unit(quantity["unit"])
    if over_time in STEPS:
        return Unit("steps")
    if over_time == "area" or over_rows in ("ratio", "log_slope") or quantity.get("divided_by"):
        return Unit()
    unit = unit_of_column(series["column"])
    if unit.name == "%" and (series.get("minus") or over_rows == "difference" or over_time in SPREADS):
        return Unit("points", unit.factor)
    return unit


def unit_of_table(quantity):
    """Of a quantity in a table of means, which shows factors; figures show their logarithms."""
    if quantity.get("over_rows") != "log_slope":
        return unit_of_quantity(quantity)
    power = -1 if quantity.get("factor_to") == "previous" else 1
    return Unit(f"times {quantity.get('unit') or ''}".strip(), power=power)


# Paths and columns in the words of the figures of claims.
WORDS = {"optimizer.learning_rate": "learning rate", "optimizer.weight_decay": "weight decay",
         "initialization.gain": "gain of the initial weights",
         "initialization.std": "standard deviation of the initial weights", "training.batch_size": "batch size",
         "network.dropout": "dropout rate", "dataset.synthetic.seed": "seed of the data",
         "eigenvalue_rate": "largest eigenvalue / (2 / rate)", "trace_gap": "orthogonality gap",
         "squared_norm": "squared gradient norm", "loss_ratio": "loss after the step / before it"}


def short_path(path, paths):
    """Its last part, where that tells it from the others."""
    last = path.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in paths) == 1 else path
