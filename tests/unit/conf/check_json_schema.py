#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the JSON Schema of the test schema: it is JSON, closed, complete and, where the Debian
packages python3-jsonschema and python3-yaml are installed, takes every golden file that loads.

usage: check_json_schema.py DUMP_PROGRAM GOLDEN_DIR
"""
import json
import pathlib
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError:
    jsonschema = None


def check_shape(schema):
    """Properties that hold without any library."""
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    defs = schema["$defs"]
    text = json.dumps(schema)
    for name, definition in defs.items():
        assert f'"#/$defs/{name}"' in text, f"{name} is not used"
        assert definition["description"], name
        if "oneOf" in definition:
            continue
        assert definition["additionalProperties"] is False, name
        for key, value in definition["properties"].items():
            assert key == "type" or value["description"], f"{name}.{key}"
        assert set(definition["required"]) <= set(definition["properties"]), name
    root = defs["configuration"]["properties"]
    assert "ospf" not in root
    assert root["rise"]["default"] == 3 and root["enabled"]["default"] is True
    assert root["timeout"]["default"] == "300ms"
    assert root["ports"]["default"] == [53, 853]
    assert root["pause"]["default"] == {"up": "2s", "down": "1s"}
    assert root["mode"]["enum"] == ["fast", "slow", "odd"]
    assert root["password"]["writeOnly"] is True
    assert defs["probe-dns"]["properties"]["type"] == {"const": "dns"}
    assert "frequency" in defs["probe-dns"]["properties"]


def check_golden(schema, directory):
    """What the program takes and plain YAML readers see the same way, the schema takes."""
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    files = sorted(pathlib.Path(directory).glob("*.ok"))
    assert files, "no golden files"
    for path in files:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        errors = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(document)]
        assert not errors, f"{path.name}: {errors}"
    for bad in ({"name": "x", "riise": 1}, {"rise": 1}, {"name": "x", "timeout": 300},
                {"name": "x", "rise": 0}, {"name": "x", "mode": "odder"},
                {"name": "x", "router-id": "localhost"}, {"name": "x", "ports": [0]},
                {"name": "x", "ospf": {}}, {"name": "x", "neighbors": {"a b": {}}},
                {"name": "x", "probes": {"a": {"type": "tcp", "server": "192.0.2.1"}}}):
        assert not validator.is_valid(bad), f"takes {bad}"


def main():
    output = subprocess.run([sys.argv[1], "json"], check=True, capture_output=True).stdout
    schema = json.loads(output)
    check_shape(schema)
    if jsonschema is not None:
        check_golden(schema, sys.argv[2])


if __name__ == "__main__":
    main()
