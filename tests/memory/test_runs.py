import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rig.errors import InputError
from rig.memory import nights, runs
from rig.memory.tables import BodyRow, BuildRow, OutcomeRow, TrialRow
from rig.memory.values import Cell, Where
from rig.model import BuildFailure, Count, End, Finding, FindingStatus, Run, Settings, Status, Trial
from tests import values
from tests.memory.made import FIRST, SECOND, WHERE, job, night

SETTINGS = Settings(workloads=("churn",), seconds=10, repeats=3, confirm=6, confidence=0.95, budget=None)
BUG = values.report("WARNING in foo", type="WARNING")


@pytest.fixture(autouse=True)
def _nights(session: Session) -> None:
    for name in (FIRST, SECOND):
        nights.save_night(session, night(name))


def take(session: Session, *trials: Trial, night: str = FIRST, where: Where = WHERE, **given: Any) -> Run:
    """Keep a run of these trials."""
    made = values.run(*given.pop("findings", ()), trials=trials, settings=SETTINGS, **given)
    assert runs.take(session, made, f"/runs/{made.id}", night=night, where=where)
    return made


def seen(hits: int = 1, status: FindingStatus = FindingStatus.NEW, title: str = "WARNING in foo") -> Finding:
    base = Count(hits=hits if status is FindingStatus.SEEN else 0, trials=1)
    return values.finding(title, status, base=base, patched=Count(hits=hits, trials=1))


def test_a_run_is_given_back_whole(session: Session) -> None:
    kept = values.hostile()
    runs.take(session, kept, "/runs/x")
    session.expire_all()
    assert runs.run(session, kept.id) == kept


def test_a_run_is_taken_once(session: Session) -> None:
    assert runs.take(session, values.run(), "/runs/x", night=FIRST)
    assert not runs.take(session, values.run(seconds=7.0), "/elsewhere")
    kept = runs.run(session, values.run().id)
    assert kept
    assert kept.seconds == 100.0


def test_an_unknown_run_is_none(session: Session) -> None:
    assert not runs.has(session, "r")
    assert runs.run(session, "r") is None


def test_a_run_that_a_later_rig_wrote_is_bad_input(session: Session) -> None:
    runs.take(session, values.run(id="r"), "/r")
    session.execute(sa.update(BodyRow).values(json=zlib.compress(b'{"id": 7}')))
    with pytest.raises(InputError, match="r: "):
        runs.run(session, "r")


def test_a_run_says_itself_where_it_belongs() -> None:
    assert runs.place(values.run()) == Where(kernel="patched", profile="sanitize", shape="default")
    alone = values.run(patched=None, environment=replace(values.ENVIRONMENT, vcpus=4, cmdline=("kvm.tdp_mmu=0",)))
    assert runs.place(alone) == Where(kernel="base", profile="sanitize", shape="4 vCPUs, 1024 MiB, kvm.tdp_mmu=0")


def test_trials_of_another_run_make_no_rows(session: Session) -> None:
    take(session, values.trial("base", run="earlier"), values.trial("patched"))
    assert session.scalars(sa.select(TrialRow.side)).all() == ["patched"]
    assert len(session.scalars(sa.select(OutcomeRow)).all()) == 1


def test_a_kernel_that_does_not_build_is_kept_as_such(session: Session) -> None:
    broken = BuildFailure(name="patched", profile="sanitize", errors=("e",), log=Path("l"), seconds=3.0, tree="t")
    take(session, patched=broken)
    row = session.scalars(sa.select(BuildRow).where(BuildRow.own)).one()
    assert (row.built, row.tree, row.digest) == (False, "t", "")


# ---- trials to be used again


def again(session: Session, **given: Any) -> list[tuple[str, str, int]]:
    defaults: dict[str, Any] = {"digest": "d", "profile": "sanitize", "environment": values.ENVIRONMENT, "seconds": 10}
    return [(each.run, each.side, each.index) for each in runs.base_trials(session, **{**defaults, **given})]


def test_trials_of_a_kernel_are_found_whatever_its_side_the_newest_first(session: Session) -> None:
    known = values.kernel("v6.1", digest="d")
    mine, other = values.trial("base", kernel="v6.1"), values.trial("patched")
    take(session, mine, other, id="r1", base=known, began="2026-01-01")
    take(session, replace(mine, side="patched"), id="r2", patched=known, began="2026-01-02")
    assert again(session) == [("r2", "patched", 1), ("r1", "base", 1)]


def test_trials_under_another_environment_are_not_the_same(session: Session) -> None:
    take(session, values.trial("base"), base=values.kernel("base", digest="d"))
    assert again(session)
    changes: tuple[dict[str, Any], ...] = (
        {"vcpus": 4},
        {"cmdline": ("x",)},
        {"seed": 2},
        {"image": "e"},
        {"accel": "kvm"},
        {"threads": 3},
    )
    for change in changes:
        assert not again(session, environment=replace(values.ENVIRONMENT, **change)), change
    assert not again(session, seconds=20)
    assert not again(session, profile="perf")
    assert not again(session, digest="e")


def test_hosts_and_compilers_of_trials_do_not_matter(session: Session) -> None:
    take(session, values.trial("base"), base=values.kernel("base", digest="d"))
    assert again(session, environment=replace(values.ENVIRONMENT, host="other", compiler="gcc 13"))


def test_trials_are_lent_by_the_run_that_made_them_alone(session: Session) -> None:
    known = values.kernel("base", digest="d")
    take(session, values.trial("base"), id="r1", base=known)
    take(session, values.trial("base", run="r1"), values.trial("patched"), id="r2", base=known)
    assert again(session) == [("r1", "base", 1)]


def test_of_a_bisections_sides_only_trials_of_that_very_kernel_count(session: Session) -> None:
    trials = (values.trial("base", kernel="v6.1"), values.trial("base", kernel="a1b2c3d", index=2))
    take(session, *trials, base=values.kernel("a1b2c3d", digest="d"))
    assert again(session) == [("20260101-000000-abcd", "base", 2)]


# ---- what a night came to


def test_a_cell_counts_outcomes_of_the_kernels_side(session: Session) -> None:
    take(
        session,
        values.trial("base"),
        values.trial("patched"),
        values.trial("patched", index=2, outcomes=(values.outcome(status=Status.SKIP),)),
        values.trial("patched", BUG, index=3),
        findings=(seen(),),
        id="r1",
    )
    (cell,) = runs.cells(session, FIRST)
    assert cell == Cell(
        where=WHERE,
        workload="churn",
        statuses=((Status.PASS, 2), (Status.SKIP, 1)),
        findings=("WARNING in foo",),
        runs=("r1",),
    )
    assert runs.cells(session, SECOND) == ()


def test_a_report_is_shown_under_the_findings_title_and_where_it_came(session: Session) -> None:
    other = values.report("general protection fault in bar")
    found = values.finding("WARNING in foo", alt_titles=(other.title,), workload="churn, roots")
    outcomes = (values.outcome("churn"), values.outcome("roots"))
    take(session, values.trial("patched", ("roots", other), outcomes=outcomes), findings=(found,))
    assert [(each.workload, each.findings) for each in runs.cells(session, FIRST)] == [
        ("churn", ()),
        ("roots", ("WARNING in foo",)),
    ]


def test_what_the_profile_knows_is_in_no_cell(session: Session) -> None:
    take(session, values.trial("patched", BUG))
    assert runs.cells(session, FIRST)[0].findings == ()


def test_a_boot_failure_is_in_a_cell_of_its_own(session: Session) -> None:
    failed = values.trial("patched", outcomes=(), end=End.NEVER_BOOTED)
    take(session, failed, findings=(values.finding("boot failure", workload="boot"),))
    assert [(each.workload, each.findings) for each in runs.cells(session, FIRST)] == [("boot", ("boot failure",))]


def test_what_needs_no_boot_to_be_found_is_in_a_cell_too(session: Session) -> None:
    take(session, values.trial("base"), findings=(values.finding("build failure: x", workload="build"),))
    assert [(each.workload, each.findings) for each in runs.cells(session, FIRST)] == [("build", ("build failure: x",))]


def test_what_base_alone_shows_is_in_no_cell(session: Session) -> None:
    fixed = values.finding(status=FindingStatus.FIXED, patched=Count(hits=0, trials=1), base=Count(hits=1, trials=1))
    take(session, values.trial("base", BUG), values.trial("patched"), findings=(fixed,))
    assert runs.cells(session, FIRST)[0].findings == ()


def test_a_kernel_that_ran_alone_is_the_kernels_side(session: Session) -> None:
    take(session, values.trial("base", BUG), patched=None, findings=(seen(status=FindingStatus.SEEN),))
    (cell,) = runs.cells(session, FIRST)
    assert cell.findings == ("WARNING in foo",)


def test_findings_come_with_place_and_run(session: Session) -> None:
    take(session, values.trial("patched", BUG), findings=(seen(), seen(title="b")), id="r1")
    assert runs.findings(session, FIRST) == ((WHERE, "r1", seen()), (WHERE, "r1", seen(title="b")))
    assert runs.findings(session, SECOND) == ()


def test_a_bisections_kernels_are_not_the_tip(session: Session) -> None:
    nights.save_job(session, job(kind="bisect", run="r1"))
    take(session, values.trial("patched", BUG), findings=(seen(),), id="r1")
    assert runs.cells(session, FIRST) == ()
    assert runs.findings(session, FIRST) == ()
    assert able(session) == 0


def able(session: Session, *workloads: str, kernel: str = "mainline", profiles: tuple[str, ...] = ("sanitize",)) -> int:
    return runs.able(session, FIRST, kernel, profiles, ("default",), workloads or ("churn",))


def test_trials_that_got_nowhere_could_not_have_shown_anything(session: Session) -> None:
    stuck = values.trial("patched", index=2, outcomes=(values.outcome(iterations=0),))
    take(session, values.trial("base"), values.trial("patched"), stuck)
    assert able(session) == 1
    assert able(session, "boot") == 2
    assert able(session, "roots", "churn") == 1
    assert able(session, "roots") == 0


def test_a_trial_that_showed_something_could_have(session: Session) -> None:
    hung = values.trial("patched", outcomes=(values.outcome(iterations=0, status=Status.MISS),), end=End.HUNG)
    take(session, hung)
    assert able(session) == 1


def test_trials_of_other_places_do_not_count(session: Session) -> None:
    take(session, values.trial("patched"))
    take(session, values.trial("patched"), id="r2", where=replace(WHERE, profile="perf"))
    take(session, values.trial("patched"), id="r3", night=SECOND)
    assert able(session) == 1
    assert able(session, profiles=("sanitize", "perf")) == 2
    assert able(session, kernel="next") == 0
