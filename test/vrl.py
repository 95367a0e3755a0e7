"""Runs Vector's own VRL engine (PyPI: vector-vrl) for vrl.fixture.ts. A job as JSON on stdin, its answer on stdout."""

import json
import sys

import vector_vrl

job = json.load(sys.stdin)
if "config" in job:
    check = vector_vrl.validate_config(job["config"])
    answer = {"ok": check.ok, "text": str(check)}
else:
    answer = vector_vrl.execute_vrl(job["program"], [json.dumps(event) for event in job["events"]])
json.dump(answer, sys.stdout)
