"""Kept runs against each other."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig import store, stored
from rig.errors import InputError
from rig.model import FindingStatus, Kernel, Report, Run, Settings, Trial, Verdict
from tests import values
from tests.test_store import a_run

SPLAT = values.report("WARNING in foo")
SETTINGS = Settings(workloads=("churn",), seconds=10, repeats=3, confirm=0, confidence=0.95, budget=None)


def keep(root: Path, side: str, *hits: Report | None, alone: bool = True, **environment: Any) -> Path:
    """Keep a run of 3 trials and return its directory; each of `hits` is what a trial of `side` showed."""
    with store.draft(root) as draft:
        trials = tuple(
            values.trial(side, *((hit,) if hit else ()), index=number)  # type: ignore[arg-type]
            for number, hit in enumerate(hits, 1)
        )
        for trial in trials:
            draft.add(trial.console, f"console of {side} {trial.index}")
        run = replace(a_run(draft), trials=trials, settings=SETTINGS)
        run = replace(run, environment=replace(run.environment, **environment))
        draft.finish(replace(run, patched=None) if alone else run)
    return root / draft.id


def kept(path: Path, side: str = "") -> stored.Kept:
    found = stored.find(f"{path}:{side}" if side else str(path))
    assert found
    return found


async def joined(root: Path, base: stored.Kept, patched: stored.Kept, *, anyway: bool = False) -> Run:
    with store.draft(root) as draft:
        await stored.join(base, patched, draft, "rig compare A B", anyway=anyway)
    return store.read(store.location(draft.id, root))


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    return keep(tmp_path, "base", None, None, None), keep(tmp_path, "base", SPLAT, SPLAT, SPLAT)


async def test_two_runs_of_one_kernel_each_are_compared(runs: tuple[Path, Path], tmp_path: Path) -> None:
    run = await joined(tmp_path, kept(runs[0]), kept(runs[1]))
    assert run.comparison.verdict is Verdict.REGRESSION
    assert [finding.status for finding in run.comparison.findings] == [FindingStatus.NEW]
    assert run.comparison.notes == ()


async def test_swapped_the_statuses_mirror(runs: tuple[Path, Path], tmp_path: Path) -> None:
    run = await joined(tmp_path, kept(runs[1]), kept(runs[0]))
    assert [finding.status for finding in run.comparison.findings] == [FindingStatus.FIXED]


async def test_consoles_come_along_under_the_names_of_their_new_side(runs: tuple[Path, Path], tmp_path: Path) -> None:
    run = await joined(tmp_path, kept(runs[0]), kept(runs[1]))
    assert next(trial.console for trial in run.trials if trial.side == "patched") == "console-patched-1.log"
    directory = store.location(run.id, tmp_path)
    assert (directory / "console-patched-1.log").read_text() == "console of base 1"


def test_of_a_comparison_the_patched_side_is_meant_unless_said(tmp_path: Path) -> None:
    path = keep(tmp_path, "patched", None, alone=False)
    kernels: list[Any] = [kept(path).kernel, kept(path, "base").kernel]
    assert [kernel.name for kernel in kernels if isinstance(kernel, Kernel)] == ["patched", "base"]


def test_what_is_no_run_is_none(tmp_path: Path) -> None:
    assert stored.find("patched") is None
    assert stored.find("base+x:y.patch") is None
    assert stored.find(str(tmp_path)) is None


def test_a_side_that_is_not_there_is_an_error(runs: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="base ran alone"):
        stored.find(f"{runs[0]}:patched")


async def test_runs_that_differ_in_more_than_the_patch_are_refused(tmp_path: Path) -> None:
    one, other = keep(tmp_path, "base", None), keep(tmp_path, "base", None, profile="perf", vcpus=4)
    with pytest.raises(
        InputError, match=r"profile: sanitize on base, perf on patched\n  vcpus: 2 on base, 4 on patched"
    ):
        await joined(tmp_path, kept(one), kept(other))
    run = await joined(tmp_path, kept(one), kept(other), anyway=True)
    assert "differs beside the patch: vcpus: 2 on base, 4 on patched" in run.comparison.notes


async def test_what_should_not_matter_is_only_said(tmp_path: Path) -> None:
    one, other = keep(tmp_path, "base", None), keep(tmp_path, "base", None, host="other", qemu="QEMU 9")
    run = await joined(tmp_path, kept(one), kept(other))
    assert run.comparison.notes == (
        "differs beside the patch: host: h on base, other on patched",
        "differs beside the patch: qemu: QEMU 7.2 on base, QEMU 9 on patched",
    )


async def test_both_sides_of_one_comparison_are_alike(tmp_path: Path) -> None:
    with store.draft(tmp_path) as draft:
        trials: tuple[Trial, ...] = (values.trial("base"), values.trial("patched"))
        draft.finish(replace(a_run(draft), trials=trials, settings=SETTINGS))
    path = tmp_path / draft.id
    run = await joined(tmp_path, kept(path, "base"), kept(path))
    assert (run.comparison.verdict, run.comparison.notes) == (Verdict.CLEAN, ())


def test_trials_are_lent_with_their_consoles_and_numbered_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.paths.runs", lambda: tmp_path)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "console-patched-7.log").write_text("said then")
    made = values.trial("patched", index=7)
    trials = (replace(made, run="old", console="console-patched-7.log"), replace(made, run="gone"))
    with store.draft(tmp_path / "new") as draft:
        lent = stored.lend(trials, "base", draft)
        assert [(each.side, each.index, each.run) for each in lent] == [("base", 1, "old"), ("base", 2, "gone")]
        assert (draft.directory / lent[0].console).read_text() == "said then"
        assert not (draft.directory / lent[1].console).exists()
