import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rig import ktap as reader
from rig.kernel import recipe, source
from rig.model import Case, FindingStatus, Run, Status, Verdict
from rig.progress import Silent
from rig.render import ktap
from tests import values

REGRESSION = values.run(
    values.finding(),
    values.finding("KASAN: # in bar", FindingStatus.INCONCLUSIVE),
    verdict=Verdict.REGRESSION,
)


def read(run: Run) -> dict[str, tuple[Status, str]]:
    """Return the innermost tests as the rig's reader of the kernel's own tests has them."""
    parser = reader.Reader()
    cases = [case for line in ktap.to_ktap(run).splitlines() for case in parser.feed(line)]
    assert not parser.missing
    return {case.name: (case.status, case.reason) for case in cases}


def test_results_are_nested_by_side_workload_and_trial() -> None:
    outcome = values.outcome(cases=(Case(name="one", status=Status.PASS),))
    found = read(values.run(trials=(values.trial("base"), values.trial("patched", outcomes=(outcome,)))))
    assert {"base.churn.trial 1", "patched.churn.trial 1.one", "patched.boot.trial 1"} <= found.keys()


def test_what_is_new_is_not_ok_with_its_report() -> None:
    status, reason = read(REGRESSION)["findings.WARNING in foo"]
    assert status is Status.FAIL
    assert "foo+0x1/0x2 (a.c:1)" in reason


def test_skipped_has_its_reason_and_no_name_begins_a_directive() -> None:
    status, reason = read(REGRESSION)["findings.KASAN: _ in bar"]
    assert (status, reason) == (Status.SKIP, "inconclusive: 3 of 3 patched, 0 of 3 base")


def test_what_is_around_a_failure_fails_and_what_is_around_nothing_else_is_ok() -> None:
    run = values.run(values.finding(), values.finding("x", FindingStatus.BOTH), verdict=Verdict.REGRESSION)
    outermost = [line for line in ktap.to_ktap(run).splitlines() if line.startswith(("ok", "not"))]
    assert outermost == ["not ok 1 verdict", "not ok 2 findings", "ok 3 base", "ok 4 patched"]


def test_hostile_text_forges_no_result() -> None:
    assert not [name for name in read(values.hostile()) if name.endswith(("forged", ".x", ".y"))]
    lines = ktap.to_ktap(values.hostile()).splitlines()
    subtests = [line.strip().removeprefix("# Subtest: ") for line in lines if line.strip().startswith("# Subtest:")]
    own = {"verdict", "findings", "base", "patched", "build", "boot", "churn", "trial 1"}
    assert set(subtests) <= own


# ---- by the kernel's own parser


@pytest.fixture
async def kunit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return tools/testing/kunit/kunit_parser.py of the shipped kernel."""
    base = recipe.resolve("base")
    assert base.source
    tree = await source.find(base.source, (), Silent())
    for name in ("kunit_parser", "kunit_printer"):
        shown = await tree.home.repo.git("show", f"{tree.id}:tools/testing/kunit/{name}.py")
        (tmp_path / f"{name}.py").write_text(shown.output)
    monkeypatch.syspath_prepend(tmp_path)
    spec = importlib.util.spec_from_file_location("kunit_parser", tmp_path / "kunit_parser.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "kunit_parser", module)
    spec.loader.exec_module(module)
    return module


def parsed(kunit: ModuleType, run: Run) -> Any:
    return kunit.parse_run_tests(ktap.to_ktap(run).splitlines())


def leaves(test: Any) -> list[tuple[str, str]]:
    inner = [leaf for each in test.subtests for leaf in leaves(each)]
    return inner or [(test.name, test.status.name)]


@pytest.mark.boot
@pytest.mark.parametrize("run", [REGRESSION, values.run(), values.hostile()], ids=["regression", "clean", "hostile"])
def test_the_kernels_own_parser_reads_it(kunit: ModuleType, run: Run) -> None:
    test = parsed(kunit, run)
    statuses = [status for _, status in leaves(test)]
    counts = test.counts
    assert counts.errors == counts.crashed == 0
    assert counts.passed + counts.failed + counts.skipped == len(read(run))
    assert (counts.failed > 0) == (run.comparison.verdict is not Verdict.CLEAN)
    assert statuses.count("SKIPPED") == counts.skipped
