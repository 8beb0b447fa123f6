import json
from typing import Any

import jsonschema
import pytest
from jsonschema.protocols import Validator

from rig import paths
from rig.model import Comparison, MetricChange, MetricKind, Run, Settings, Stage, Verdict
from rig.render import document
from tests import values

PUBLISHED = paths.project() / "docs" / "result.schema.json"
EFFECT = MetricChange(
    name="pf_fixed",
    unit="faults",
    workload="churn",
    kind=MetricKind.EXACT,
    base=(2015, 2015),
    patched=(129, 129),
    change=-0.936,
    p_value=None,
    significant=True,
)
# Of each part of a document, what those who script against it were promised: never fewer.
PROMISED = {
    "": {"schema", "verdict", "findings", "metrics", "environment", "run", "notes", "trials", "command", "seconds"},
    "findings": {"title", "type", "status", "workload", "profile", "base", "patched", "p_value"},
    "metrics": {"name", "unit", "workload", "base", "patched", "change", "p_value", "significant"},
}


@pytest.fixture(scope="module")
def validator() -> Validator:
    schema = json.loads(PUBLISHED.read_text())
    made = jsonschema.validators.validator_for(schema)
    made.check_schema(schema)
    return made(schema)


def full() -> Run:
    comparison = Comparison(
        verdict=Verdict.REGRESSION, findings=(values.finding(),), metrics=(EFFECT,), notes=("a note",)
    )
    return values.run(
        comparison=comparison,
        settings=Settings(workloads=("churn",), seconds=5, repeats=3, confirm=3, confidence=0.95, budget=None),
        stages=(Stage(what="build", began=0.0, seconds=1.5),),
        patch="--- a\n+++ b\n",
    )


@pytest.mark.parametrize("run", [values.run(), full(), values.run(patched=None), values.hostile()])
def test_documents_fit_the_published_schema(run: Run, validator: Validator) -> None:
    validator.validate(json.loads(document.to_json(run)))


def test_the_published_schema_is_up_to_date() -> None:
    assert PUBLISHED.read_text() == document.schema(), "rig schema > docs/result.schema.json"


def test_a_document_of_before_still_fits(validator: Validator) -> None:
    old = document.document(full())
    for added in ("began", "settings", "stages", "patch"):
        del old[added]
    for added in ("low", "high", "q_value", "guarded"):
        del old["metrics"][0][added]
    validator.validate(old)


@pytest.mark.parametrize("part", PROMISED)
def test_what_was_promised_is_required(part: str, validator: Validator) -> None:
    made: Any = document.document(full())
    (record,) = made[part] if part else (made,)
    for name in PROMISED[part]:
        kept = record.pop(name)
        assert name == "p_value" or not validator.is_valid(made), name
        record[name] = kept


def test_values_are_what_they_were() -> None:
    made = document.document(full())
    assert (made["schema"], made["verdict"], made["run"]) == (1, "regression", "20260101-000000-abcd")
    assert (made["base"], made["patched"]) == ("base", "patched")
    assert made["findings"][0]["patched"] == {"hits": 3, "trials": 3}
    metric = made["metrics"][0]
    assert (metric["base"], metric["patched"], metric["change"], metric["significant"]) == (2015, 129, -0.936, True)
    assert {"accel", "qemu", "compiler"} <= made["environment"].keys()
