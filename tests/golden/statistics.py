#!/usr/bin/env python3
# /usr/bin/python3 tests/golden/statistics.py > tests/golden/statistics.json   (Debian 12: python3-scipy 1.10)
"""Student's t intervals by scipy, of fixed data: means, paired differences, log-ratios, and slopes over an axis."""

import json

import numpy as np
from scipy import stats

SAMPLES = [[1.0, 2.0], [0.91, 0.93, 0.94], [-3.5, 2.25, 0.125, 7.0, -1.0], [1e6 + 1, 1e6 + 2, 1e6 + 4],
           [1e-9, 3e-9, 2.5e-9, 2e-9, 1.5e-9, 1e-9, 4e-9, 3.5e-9, 2e-9, 1e-9]]
PAIRS = [([3100.0, 2900.0, 3350.0], [980.0, 1010.0, 890.0]),
         ([0.912, 0.905, 0.921, 0.917, 0.909], [0.884, 0.889, 0.895, 0.882, 0.893]),
         ([14.8, 2.3, 5.5, 9.1], [1.2, 3.4, 2.2, 0.7])]
AXIS = [1.0, 2.0, 4.0, 8.0]
SERIES = [[1.1, 1.9, 5.2, 31.0], [0.9, 2.2, 4.1, 44.0], [1.3, 1.7, 6.0, 28.0]]  # by seed
OTHER_SERIES = [[1.0, 1.1, 0.9, 1.2], [1.2, 0.8, 1.1, 1.0], [0.7, 1.0, 1.3, 0.9]]


def interval(result, confidence):
    low, high = result.confidence_interval(confidence)
    return [float(low), float(high)]


def of_mean(values, confidence=0.95):
    return {"mean": float(np.mean(values)), "interval": interval(stats.ttest_1samp(values, 0), confidence)}


def of_pair(a, b):
    difference = {"mean": float(np.mean(np.subtract(a, b))), "interval": interval(stats.ttest_rel(a, b), 0.95)}
    result = {"a": a, "b": b, "difference": difference}
    logarithms = stats.ttest_rel(np.log(a), np.log(b))
    result["ratio"] = {"mean": float(stats.gmean(np.divide(a, b))),
                       "interval": [float(np.exp(end)) for end in interval(logarithms, 0.95)]}
    return result


def slopes(series):
    return [stats.linregress(AXIS, np.log(values)).slope for values in series]


groups = {
    "means": [{"values": values, "confidence": confidence, **of_mean(values, confidence)}
              for values in SAMPLES for confidence in (0.5, 0.95, 0.999)],
    "pairs": [of_pair(a, b) for a, b in PAIRS],
    "log_slope": {"axis": AXIS, "series": SERIES, "other": OTHER_SERIES, "slope": of_mean(slopes(SERIES)),
                  "difference": of_mean(np.subtract(slopes(SERIES), slopes(OTHER_SERIES)))},
}
print("{" + ",\n".join(f"{json.dumps(name)}: {json.dumps(group)}" for name, group in groups.items()) + "}")
