"""How far a run has got, on terminals of many sizes."""

import re
from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from rig.events import Boot, Coming, Doing, Planned, Seen, TrialDone, TrialStarted, WorkloadDone, WorkloadStarted
from rig.model import End, Status, Trial
from rig.render import watch
from rig.standing import Standing
from tests import values

NAMES = ("memslot-churn", "vm-teardown", "root-churn", "error-paths")
TITLE = "KASAN: use-after-free Read in kvm_tdp_mmu_zap_invalidated_roots"
SIZES = [(width, height) for width in (40, 80, 200) for height in (10, 24, 50)]


def boot(side: str, index: int) -> Boot:
    return Boot(side=side, kernel=f"k-{side}", index=index)  # type: ignore[arg-type]


def trial(side: str) -> Trial:
    statuses = (Status.PASS, Status.FAIL, Status.SKIP, Status.ERROR) if side == "patched" else (Status.PASS,) * 4
    reports = [("vm-teardown", values.report(f"{TITLE}\x1b[31m{number}")) for number in range(9)]
    outcomes = tuple(values.outcome(name, status, seconds=20.0) for name, status in zip(NAMES, statuses, strict=True))
    return values.trial(
        side,  # type: ignore[arg-type]
        *(reports if side == "patched" else ()),
        outcomes=outcomes,
        ready_seconds=9.0,
        seconds=90.0,
    )


def planned(pairs: int) -> Standing:
    turns = tuple(Coming(side=side, kernel=f"k-{side}", workloads=NAMES) for side in ("base", "patched"))
    return Standing(began=0.0).told(Planned(trials=turns * pairs, jobs=2, budget=1200.0), 0.0)


def story() -> Iterator[tuple[str, Standing]]:
    """How it stands as a run of twelve trials goes on."""
    standing = planned(6)
    yield "planned", standing
    building, number = standing.begun("building k-base (sanitize)", 1800.0, 1.0)
    yield "building", building.advanced(number, 812, "arch/x86/kvm/mmu/tdp_mmu.o")
    for index in (1, 2, 3):
        for side in ("base", "patched"):
            standing = standing.told(TrialStarted(boot=boot(side, index), workloads=NAMES), 100.0)
            if index < 3:
                standing = standing.told(TrialDone(boot=boot(side, index), trial=trial(side)), 200.0)
    yield "booting", standing
    for name in NAMES[:2]:
        standing = standing.told(WorkloadStarted(boot=boot("base", 3), workload=name, limit=99.0), 220.0)
        if name == NAMES[0]:
            standing = standing.told(WorkloadDone(boot=boot("base", 3), outcome=values.outcome(name)), 240.0)
    standing = standing.told(Doing(boot=boot("base", 3), workload=NAMES[1], text="37 iterations\x1b[2J"), 250.0)
    yield "running", standing.told(Seen(boot=boot("base", 3), workload=NAMES[1], title="BUG: x"), 251.0)


STORY = dict(story())


def shown(standing: Standing, width: int = 80, height: int = 24, now: float = 300.0) -> list[str]:
    """The lines a console of that size makes of it."""
    console = Console(file=StringIO(), width=width, height=height, record=True, color_system=None)
    for line in watch.view(standing, now=now, width=width, height=height):
        console.print(line)
    return console.export_text().splitlines()


@pytest.mark.parametrize("name", STORY)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_fits_and_ends_with_counts_and_times(name: str, width: int, height: int) -> None:
    lines = shown(STORY[name], width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert re.match(r"[04] of 12 trials, 5:00", lines[-1])
    assert not any(char < " " for line in lines for char in line)


@pytest.mark.parametrize(("width", "height"), [*SIZES, (20, 5), (12, 3), (1, 1), (500, 2)])
def test_trials_at_work_are_shown_as_long_as_there_is_any_room(width: int, height: int) -> None:
    lines = shown(STORY["running"], width, height)
    assert len(lines) <= height
    if height >= 10:
        assert [line for line in lines if line.startswith("base 3")], lines
        assert [line for line in lines if line.startswith("patched 3")], lines


def test_every_state_has_a_word() -> None:
    lines = shown(STORY["running"])
    assert lines[0].split() == list(NAMES)
    assert "patched 2 PASS          FAIL        SKIP       ERROR" in lines
    assert "base 3    PASS          run 1:20    .          ." in lines
    assert "patched 3 boot 3:20     .           .          ." in lines


def test_what_runs_says_how_far_it_is() -> None:
    lines = shown(STORY["running"])
    assert "base 3    vm-teardown 1:20  37 iterations\\x1b[2J" in lines
    assert "patched 3 booting 3:20" in lines


def test_what_did_not_get_its_turn_is_told_from_what_waits() -> None:
    standing = planned(1).told(TrialStarted(boot=boot("base", 1), workloads=NAMES), 1.0)
    cut_short = values.trial("base", outcomes=(values.outcome(NAMES[0], Status.FAIL),))
    lines = shown(standing.told(TrialDone(boot=boot("base", 1), trial=cut_short), 9.0))
    assert lines[1].split() == ["base", "FAIL", "-", "-", "-"]
    assert lines[2].split() == ["patched", ".", ".", ".", "."]


def test_reports_are_told_with_counts_the_latest_last() -> None:
    lines = shown(STORY["running"], 200, 50)
    told = [line for line in lines if line.startswith("!")]
    assert told[0] == f"! 2 patched: {TITLE}\\x1b[31m0 (vm-teardown)"
    assert told[-1] == "! 1 base: BUG: x (vm-teardown)"
    assert len(told) == 10


def test_reports_that_do_not_fit_are_counted() -> None:
    told = [line for line in shown(STORY["running"], 80, 10) if line.startswith("!")]
    assert told[0] == "! 8 more reports and failures"
    assert len(told) == 3
    assert told[-1] == "! 1 base: BUG: x (vm-teardown)"


def test_a_build_has_a_bar_and_says_what_it_is_at() -> None:
    (line,) = (line for line in shown(STORY["building"], 200) if line.startswith("building"))
    assert (
        line
        == "building k-base (sanitize) [#########-----------] 812/1800 4:59 about 6:04 left arch/x86/kvm/mmu/tdp_mmu.o"
    )


def test_trials_that_do_not_fit_are_counted() -> None:
    lines = shown(STORY["running"], 80, 18)
    assert any(re.fullmatch(r"… \d+ before: .*\d PASS.*", line) for line in lines), lines
    assert any(re.fullmatch(r"… \d+ more", line) for line in lines), lines


def test_many_workloads_become_letters() -> None:
    names = tuple(f"workload-{number}" for number in range(20))
    coming = (Coming(side="base", kernel="k", workloads=names),)
    standing = Standing(began=0.0).told(Planned(trials=coming, jobs=1), 0.0)
    standing = standing.told(TrialStarted(boot=Boot(side="base", kernel="k", index=1), workloads=names), 1.0)
    done = WorkloadDone(boot=Boot(side="base", kernel="k", index=1), outcome=values.outcome(names[0]))
    standing = standing.told(done, 2.0)
    begun = WorkloadStarted(boot=Boot(side="base", kernel="k", index=1), workload=names[1], limit=9.0)
    assert shown(standing.told(begun, 3.0), 40)[0] == "k P>" + "." * 18


def test_the_last_line_tells_what_is_left_and_when_it_is_over() -> None:
    assert shown(STORY["booting"], 80, 24, now=205.0)[-1] == "4 of 12 trials, 3:25, about 5:50 left, budget 20:00"
    standing = planned(1)
    for side in ("base", "patched"):
        standing = standing.told(TrialStarted(boot=boot(side, 1), workloads=NAMES), 1.0)
        standing = standing.told(TrialDone(boot=boot(side, 1), trial=trial(side)), 2.0)
    assert shown(standing)[-1] == "2 of 2 trials, in 5:00, budget 20:00"


def test_a_search_counts_trials_without_saying_of_how_many() -> None:
    standing = Standing(began=0.0).told(Planned(trials=(), jobs=1, more=True), 0.0)
    standing = standing.told(TrialStarted(boot=boot("base", 1), workloads=()), 1.0)
    assert shown(standing)[-1].startswith("0 trials, ")
    done = standing.told(TrialDone(boot=boot("base", 1), trial=trial("base")), 2.0)
    assert shown(done)[-1].startswith("1 trial, in ")


def test_a_trial_that_only_boots_says_how_it_stands() -> None:
    first, second = boot("base", 1), boot("patched", 1)
    coming = (Coming(side="patched", kernel="k-patched", workloads=()),)
    standing = Standing(began=0.0).told(TrialStarted(boot=first, workloads=()), 1.0)
    standing = standing.told(Planned(trials=coming, jobs=2), 1.0)
    assert {"base boot 4s", f"patched {watch.WAITING}"} <= _lines(standing, 5.0)
    broken = values.trial("patched", outcomes=(), planned=(), end=End.NEVER_BOOTED)
    for each, done in ((first, values.trial("base", outcomes=(), planned=())), (second, broken)):
        standing = standing.told(TrialStarted(boot=each, workloads=()), 2.0)
        standing = standing.told(TrialDone(boot=each, trial=done), 9.0)
    assert {"base booted", "patched never booted"} <= _lines(standing, 10.0)


def _lines(standing: Standing, now: float) -> set[str]:
    return {" ".join(line.plain.split()) for line in watch.view(standing, now=now, width=80, height=10)}
