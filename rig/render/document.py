"""A run as the JSON document that others script against (schema 1). No I/O."""

import json
from statistics import median
from typing import Any

from pydantic import TypeAdapter

from rig.model import Comparison, Environment, MetricChange, Run, Trial

_COMPARISON = TypeAdapter(Comparison)
_ENVIRONMENT = TypeAdapter(Environment)
_TRIALS = TypeAdapter(tuple[Trial, ...])


def document(run: Run) -> dict[str, Any]:
    """Return verdict, findings, metrics, environment, trials of `run`; fields are only ever added."""
    comparison = _COMPARISON.dump_python(run.comparison, mode="json")
    return {
        "schema": 1,
        "verdict": comparison["verdict"],
        "findings": comparison["findings"],
        "metrics": [_metric(change) for change in run.comparison.metrics],
        "notes": comparison["notes"],
        "environment": _ENVIRONMENT.dump_python(run.environment, mode="json"),
        "run": run.id,
        "base": run.base.name,
        "patched": run.patched.name if run.patched else None,
        "command": run.command,
        "seconds": run.seconds,
        "trials": _TRIALS.dump_python(run.trials, mode="json"),
    }


def to_json(run: Run) -> str:
    """Return the document of `run` as indented JSON."""
    return json.dumps(document(run), indent=2) + "\n"


def _metric(change: MetricChange) -> dict[str, Any]:
    """Return a metric with its medians as `base` and `patched`, and one value a trial beside them."""
    return {
        "name": change.name,
        "unit": change.unit,
        "workload": change.workload,
        "kind": change.kind,
        "base": median(change.base),
        "patched": median(change.patched) if change.patched else None,
        "change": change.change,
        "p_value": change.p_value,
        "significant": change.significant,
        "q_value": change.q_value,
        "low": change.low,
        "high": change.high,
        "guarded": change.guarded,
        "operations": change.operations,
        "base_values": list(change.base),
        "patched_values": list(change.patched),
    }
