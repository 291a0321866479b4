"""The shipped configs and network files against configs/schema.json, with an independent JSON Schema validator.

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
]


def main():
    configs = pathlib.Path(sys.argv[2]) / "configs"
    schema = json.loads((configs / "schema.json").read_text())
    network_schema = {"$ref": "#/$defs/network_file", "$defs": schema["$defs"]}
    for one in (schema, network_schema):
        jsonschema.Draft202012Validator.check_schema(one)
    failures = []

    def check(name, validator, instance, allowed):
        errors = [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(instance)]
        if bool(errors) == allowed:
            failures.append(f"{name}: {'; '.join(errors) if allowed else 'must be refused'}")

    run = jsonschema.Draft202012Validator(schema)
    network = jsonschema.Draft202012Validator(network_schema)
    files = [path for path in sorted(configs.glob("*.json")) if not path.name.endswith("schema.json")]
    networks = sorted((configs / "networks").glob("*.json"))
    for path in files:
        check(path, run, json.loads(path.read_text()), True)
    for path in networks:
        check(path, network, json.loads(path.read_text()), True)
        check(path, run, json.loads(path.read_text()), False)
    for change, allowed in CHANGES:
        check(json.dumps(change), run, {**copy.deepcopy(MINIMAL), **change}, allowed)
    counts = f"{len(files)} configs, {len(networks)} networks, {len(CHANGES)} changes"
    print("\n".join(failures) or f"{counts}: as the schema says")
    return 1 if failures or not files or not networks else 0


if __name__ == "__main__":
    sys.exit(main())
