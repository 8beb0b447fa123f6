"""A run as the JSON document that others script against (schema 1), and the JSON Schema of that. No I/O."""

import json
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from rig import coverage
from rig.model import (
    ChangedLine,
    Coverage,
    Environment,
    Finding,
    MetricChange,
    MetricKind,
    Presubmit,
    Run,
    Settings,
    Stage,
    Trial,
    Verdict,
)
from rig.render.covered import MOST_MISSED

SCHEMA: Literal[1] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMetric:
    """One metric on both sides: medians, their change, and one value a trial."""

    name: str
    unit: str
    workload: str
    kind: MetricKind
    base: float | None
    patched: float | None  # null if one kernel ran alone
    change: float | None
    p_value: float | None
    significant: bool
    base_values: tuple[float, ...]
    patched_values: tuple[float, ...]
    low: float | None = None
    high: float | None = None
    q_value: float | None = None
    guarded: bool = False
    operations: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """Which of the changed lines that have code ran, by commit (counted from 0) and function, and some that did not."""

    ran: int
    changed: int
    share: float | None  # null if no changed line has code
    functions: tuple[coverage.Row, ...]
    missed: tuple[ChangedLine, ...]  # that never ran, the first dozen
    unmeasured: tuple[tuple[str, str], ...]  # files, or functions in them, and why nothing is known of them
    workloads: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What came of `rig compare` or `rig run`. Fields are only ever added, and never change their meaning."""

    schema: Literal[1]
    verdict: Verdict
    findings: tuple[Finding, ...]
    metrics: tuple[ComparedMetric, ...]
    notes: tuple[str, ...]
    environment: Environment
    run: str
    base: str
    patched: str | None
    command: str
    seconds: float
    trials: tuple[Trial, ...]
    # What was added later has a default: documents made without it still fit the schema.
    began: str = ""
    settings: Settings | None = None
    stages: tuple[Stage, ...] = ()
    patch: str = ""
    coverage: Covered | None = None
    presubmit: Presubmit | None = None


class _Schema(GenerateJsonSchema):
    """Leaves out titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


_DOCUMENT = TypeAdapter(Document)


def document(run: Run) -> dict[str, Any]:
    """Return verdict, findings, metrics, environment, trials of `run` as plain values."""
    made: dict[str, Any] = _DOCUMENT.dump_python(_document(run), mode="json")
    return made


def to_json(run: Run) -> str:
    """Return the document of `run` as indented JSON."""
    return json.dumps(document(run), indent=2) + "\n"


def schema() -> str:
    """Return the JSON Schema (2020-12) that every document of this version fits."""
    made = _DOCUMENT.json_schema(mode="serialization", schema_generator=_Schema)
    head = {"$schema": GenerateJsonSchema.schema_dialect, "title": "a run of the rig"}
    return json.dumps({**head, **{key: made[key] for key in made if key != "title"}}, indent=2) + "\n"


def _document(run: Run) -> Document:
    comparison = run.comparison
    return Document(
        schema=SCHEMA,
        verdict=comparison.verdict,
        findings=comparison.findings,
        metrics=tuple(map(_metric, comparison.metrics)),
        notes=comparison.notes,
        environment=run.environment,
        run=run.id,
        base=run.base.name,
        patched=run.patched.name if run.patched else None,
        command=run.command,
        seconds=run.seconds,
        trials=run.trials,
        began=run.began,
        settings=run.settings,
        stages=run.stages,
        patch=run.patch,
        coverage=_covered(run.coverage) if run.coverage else None,
        presubmit=run.presubmit,
    )


def _covered(measured: Coverage) -> Covered:
    ran, changed = coverage.total(measured)
    return Covered(
        ran=ran,
        changed=changed,
        share=coverage.share(measured),
        functions=coverage.rows(measured),
        missed=coverage.missed(measured)[:MOST_MISSED],
        unmeasured=measured.unmeasured,
        workloads=measured.workloads,
        notes=measured.notes,
    )


def _metric(change: MetricChange) -> ComparedMetric:
    return ComparedMetric(
        name=change.name,
        unit=change.unit,
        workload=change.workload,
        kind=change.kind,
        base=median(change.base) if change.base else None,
        patched=median(change.patched) if change.patched else None,
        change=change.change,
        p_value=change.p_value,
        significant=change.significant,
        base_values=change.base,
        patched_values=change.patched,
        low=change.low,
        high=change.high,
        q_value=change.q_value,
        guarded=change.guarded,
        operations=change.operations,
    )
