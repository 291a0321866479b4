"""The shipped configs, network files and experiments against their schemas, with an independent JSON Schema validator.

Usage: schema_test.py PROGRAM SOURCE_FOLDER. Exit status 77: python3-jsonschema is not installed.
"""

import copy
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

MINIMAL = {"dataset": {"name": "mnist"}, "network": {"name": "mlp_2x64"}}

# Changes of MINIMAL and whether the schema allows them: the reader's rules that a schema can express.
CHANGES = [
    ({}, True),
    ({"$schema": "schema.json"}, True),
    ({"network": {}}, False),
    ({"network": {"layers": []}}, False),
    ({"network": {"layers": [{"dense": {}}]}}, False),
    ({"network": {"layers": [{"dense": {"units": 3}, "flatten": {}}]}}, False),
    ({"network": {"layers": [{"repeat": {"layers": [{"conv_block": {"channels": 3, "kernel": [3, 1]}}]}}]}}, True),
    ({"network": {"layers": [{"repeat": {"layers": [{"conv_block": {"channel": 3}}]}}]}}, False),
    ({"network": {"layers": [{"dense": {"units": 3, "bias": None}}]}}, True),
    ({"network": {"name": "a/b"}}, False),
    ({"optimizer": {"learning_rat": 1}}, False),
    ({"optimizer": {"learning_rate": 0}}, False),
    ({"optimizer": {"schedule": {"every": 5}}}, False),
    ({"optimizer": {"schedule": {"type": "step", "every": 5}}}, True),
    ({"initialization": {"std": 0.1}}, False),
    ({"initialization": {"scheme": "gaussian", "std": 0.1}}, True),
    ({"initialization": {"distribution": "uniform"}}, True),
    ({"initialization": {"scheme": "gaussian", "distribution": "uniform"}}, False),
    ({"training": {"steps": 5}}, True),
    ({"training": {"epochs": 5}}, True),
    ({"training": {"steps": 5, "epochs": None}}, True),
    ({"training": {"steps": 5, "epochs": 5}}, False),
    ({"training": {"steps": "5"}}, False),
    ({"normalization": {"mask": {"every": 2}}}, True),
    ({"normalization": {"mask": "some"}}, False),
    ({"normalization": {"type": "none", "epsilon": 1}}, True),
    ({"probes": [{"type": "gradient_norm"}]}, True),
    ({"probes": [{"type": "gradient_norm", "units": [1]}]}, False),
    ({"probes": [{}]}, False),
    ({"dataset": {"name": "npz", "channels": "last"}}, True),
    ({"dataset": {"name": "npz", "channels": "middle"}}, False),
    ({"dataset": {}}, False),
]

# Whole configs that extend another, which may have what these lack.
PARTS = [
    ({"extends": "base.json"}, True),
    ({"extends": "base.json", "dataset": {"limit": 100}, "network": {"activation": "tanh"}}, True),
    ({"extends": "base.json", "initialization": {"std": 0.1}}, True),
    ({"extends": "base.json", "training": {"stps": 3}}, False),
    ({"extends": "base.json", "training": {"steps": "3"}}, False),
    ({"extends": "base.json", "probes": [{}]}, False),
    ({"extends": 3}, False),
]

EXPERIMENT = {
    "claim": "c", "source": "s", "base": "base.json", "arms": [{"name": "a"}],
    "quantities": [{"name": "q", "series": {"column": "loss"}}],
    "criteria": [{"name": "c", "type": "value", "quantity": "q", "arms": ["a"]}],
}
SERIES = {"column": "loss"}

# The same of EXPERIMENT.
EXPERIMENT_CHANGES = [
    ({}, True),
    ({"$schema": "schema.json", "name": "n", "notes": "text", "base": MINIMAL, "seeds": 3}, True),
    ({"notes": ["one", "two"], "seeds": [0, 7]}, True),
    ({"claim": "", "source": "", "quantities": [], "criteria": []}, True),
    ({"claims": "c"}, False),
    ({"name": "a/b"}, False),
    ({"base": 3}, False),
    ({"seeds": 0}, False),
    ({"seeds": 1001}, False),
    ({"seeds": []}, False),
    ({"seeds": [1, 1]}, False),
    ({"arms": []}, False),
    ({"arms": [{}]}, False),
    ({"arms": [{"name": "a b"}]}, False),
    ({"arms": [{"name": "a", "config": "own.json", "differs_in": ["optimizer"]}]}, True),
    ({"arms": [{"name": "a", "config": MINIMAL, "set": {"a.b": None, "c": [1, {}]}}]}, True),
    ({"arms": [{"name": "a", "grid": {"a.b": [1, "two", [3]]}}]}, True),
    ({"arms": [{"name": "a", "grid": {"a.b": []}}]}, False),
    ({"arms": [{"name": "a", "zip": {"a.b": 1}}]}, False),
    ({"arms": [{"name": "a", "best_of": {"arm": "b", "quantity": "q"}}]}, True),
    ({"arms": [{"name": "a", "best_of": {"arm": "b"}}]}, False),
    ({"quantities": [{"name": "q"}]}, False),
    ({"quantities": [{"name": "q", "series": {"column": "loss", "over_time": "last"}}]}, False),
    ({"quantities": [{"name": "q", "series": {"column": "loss", "last": 3}}]}, False),
    ({"quantities": [{"name": "q", "series": {"column": "loss", "over_time": "median", "last": 3}}]}, True),
    ({"quantities": [{"name": "q", "series": {"column": "loss", "over_time": "steps_to", "level": 0.5}}]}, True),
    ({"quantities": [{"name": "q", "series": {"column": "loss", "over_time": "at", "level": 0.5}}]}, False),
    ({"quantities": [{"name": "q", "series": SERIES, "divided_by": SERIES, "when_diverged": -1}]}, True),
    ({"quantities": [{"name": "q", "series": SERIES, "where": {"unit": [0, "all"], "layer": "a", "p": 0.5}}]}, True),
    ({"quantities": [{"name": "q", "series": SERIES, "where": {"unit": []}}]}, False),
    ({"quantities": [{"name": "q", "series": SERIES, "where": {"unit": True}}]}, False),
    ({"criteria": [{"name": "c", "type": "value", "quantity": "q"}]}, False),
    ({"criteria": [{"name": "c", "type": "value", "quantity": "q", "arms": ["a"], "axis": "x"}]}, False),
    ({"criteria": [{"name": "c", "type": "range", "quantity": "q", "arms": ["a"], "axis": "x"}]}, True),
    ({"criteria": [{"name": "c", "type": "equality", "quantity": "q", "arms": ["a", "b"], "within": -1}]}, False),
    ({"criteria": [{"name": "c", "type": "order", "quantity": "q", "arms": ["a", "b"], "at_least": 1}]}, False),
    ({"quick": {"set": {"a.b": 1}, "seeds": 1, "levels": {"q": 1}, "axes": {"a": [1]}, "minutes": 0}}, True),
    ({"quick": {"levels": {"q": "1"}}}, False),
    ({"full": {"axes": {"a": 1}}}, False),
    ({"full": {"minutes": -1}}, False),
    ({"figure": {"type": "curves", "column": "loss", "where": {"split": "test"}}}, True),
    ({"figure": {"type": "axis", "column": "loss"}}, False),
    ({"figure": {"type": "heatmap"}}, False),
]


def main():
    configs = pathlib.Path(sys.argv[2]) / "configs"
    schema = json.loads((configs / "schema.json").read_text())
    experiments = configs.parent / "experiments"
    experiment_schema = json.loads((experiments / "schema.json").read_text())
    network_schema = {"$ref": "#/$defs/network_file", "$defs": schema["$defs"]}
    for one in (schema, network_schema, experiment_schema):
        jsonschema.Draft202012Validator.check_schema(one)
    failures = []

    def check(name, validator, instance, allowed):
        errors = [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(instance)]
        if bool(errors) == allowed:
            failures.append(f"{name}: {'; '.join(errors) if allowed else 'must be refused'}")

    run = jsonschema.Draft202012Validator(schema)
    network = jsonschema.Draft202012Validator(network_schema)
    experiment = jsonschema.Draft202012Validator(experiment_schema)
    files = [path for path in sorted(configs.glob("*.json")) if not path.name.endswith("schema.json")]
    networks = sorted((configs / "networks").glob("*.json"))
    for path in files:
        check(path, run, json.loads(path.read_text()), True)
    for path in networks:
        check(path, network, json.loads(path.read_text()), True)
        check(path, run, json.loads(path.read_text()), False)
    claims = [path for path in sorted(experiments.glob("*.json")) if path.name != "schema.json"]
    for path in claims:
        check(path, experiment, json.loads(path.read_text()), True)
        check(path, run, json.loads(path.read_text()), False)
    for validator, minimal, changes in ((run, MINIMAL, CHANGES), (experiment, EXPERIMENT, EXPERIMENT_CHANGES)):
        for change, allowed in changes:
            check(json.dumps(change), validator, {**copy.deepcopy(minimal), **change}, allowed)
    for part, allowed in PARTS:
        check(json.dumps(part), run, part, allowed)
    counts = (f"{len(files)} configs, {len(networks)} networks, {len(claims)} experiments, "
              f"{len(CHANGES) + len(EXPERIMENT_CHANGES)} changes")
    print("\n".join(failures) or f"{counts}: as the schemas say")
    return 1 if failures or not files or not networks or not claims else 0


if __name__ == "__main__":
    sys.exit(main())
