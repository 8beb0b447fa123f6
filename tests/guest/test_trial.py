"""A trial against a scripted guest."""

from dataclasses import replace
from pathlib import Path

import pytest

from rig.events import Boot, Doing, TrialStarted, WorkloadDone, WorkloadStarted
from rig.guest import trial
from rig.model import Accel, Case, End, Image, Kernel, Profile, Shape, Status, Trial, Workload
from rig.progress import Progress, Silent
from tests.guest import fake
from tests.guest.fake import Behaviour, Command
from tests.heard import Heard

PROGRESS = '@progress {"iterations":7,"l2_entries":9}\n'
ALIVE, SPENT = '@detectors {"debug_locks":1}\n', '@detectors {"debug_locks":0}\n'
GOOD = Command(output=PROGRESS + ALIVE)


def workload(name: str, limit: float = 20) -> Workload:
    return Workload(name=name, argv=("/workloads/it", "--seconds", "1"), seconds=1, limit=limit)


async def run(directory: Path, *workloads: Workload, progress: Progress | None = None) -> Trial:
    image = Image(path=directory / "image", digest="")
    image.path.write_bytes(b"")
    return await trial.run(
        Kernel(name="k", profile="p", digest="", release="", bzimage=Path("bzImage")),
        workloads,
        side="base",
        index=2,
        profile=Profile(name="p", description="", fragments=(), cmdline=(), detectors=("lockdep",)),
        shape=Shape(),
        accel=Accel(name="tcg", reason="", time_scale=1),
        image=image,
        directory=directory,
        progress=progress or Silent(),
    )


async def test_all_workloads_run_and_the_guest_is_powered_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"one": GOOD, "two": Command(output=PROGRESS, status=1)}))
    done = await run(tmp_path, workload("one"), workload("two"))
    assert [(each.workload, each.status) for each in done.outcomes] == [("one", Status.PASS), ("two", Status.FAIL)]
    assert done.outcomes[0].iterations == 7
    assert done.end is End.FINISHED
    assert 0 < done.ready_seconds < done.seconds
    assert "rig: begin two" in (tmp_path / done.console).read_text()


@pytest.mark.parametrize(
    ("act", "end", "status"),
    [
        ("panic", End.PANICKED, Status.FAIL),
        ("reset", End.REBOOTED, Status.FAIL),
        ("die", End.LOST, Status.MISS),
        ("hang", End.HUNG, Status.FAIL),
    ],
)
async def test_a_guest_that_dies_under_a_workload_ends_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: fake.Act, end: End, status: Status
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"one": Command(output=PROGRESS, act=act)}))
    done = await run(tmp_path, workload("one", limit=2), workload("two"))
    assert (done.end, done.planned) == (end, ("one", "two"))
    (outcome,) = done.outcomes
    assert outcome.status is status
    assert outcome.iterations == 7, "what it had printed is kept"
    assert done.end_reason in outcome.reason


@pytest.mark.parametrize(
    ("console", "reason"),
    [
        ("", "one: got nothing done for 0.6 s"),
        (
            "[   28.1][    C0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [memslot-churn:99]",
            "one: got nothing done for 0.3 s, and the kernel says that it hangs",
        ),
        (
            "[   70.1][   T30] INFO: task kvm:9 blocked for more than 60 seconds.",
            "one: got nothing done for 0.3 s, and",
        ),
        ("[   40.0][    C1] rcu: INFO: rcu_sched self-detected stall on CPU", "one: got nothing done for 0.3 s, and"),
    ],
)
async def test_a_workload_that_gets_nothing_done_hangs_however_much_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: str, reason: str
) -> None:
    monkeypatch.setattr("rig.guest.machine.STANDSTILL", 0.6)
    monkeypatch.setattr("rig.guest.machine.HANG_STANDSTILL", 0.3)
    busy = Command(output=PROGRESS, console=console, again=True)
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"one": busy}))
    done = await run(tmp_path, workload("one"))
    assert done.end is End.HUNG
    assert done.end_reason.startswith(reason)


async def test_a_hang_that_was_told_of_before_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.guest.machine.STANDSTILL", 1.5)
    monkeypatch.setattr("rig.guest.machine.HANG_STANDSTILL", 0.2)
    at_boot = "[   28.1][    C0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [swapper/0:1]"
    busy = Command(output=PROGRESS, again=True)
    fake.install(tmp_path, monkeypatch, Behaviour(console=at_boot, commands={"one": busy}))
    done = await run(tmp_path, workload("one"))
    assert done.end_reason == "one: got nothing done for 1.5 s"


async def test_a_guest_that_lives_on_without_ssh_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.guest.machine.LAST_WORDS", 0.2)
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"one": Command(act="hang up")}))
    done = await run(tmp_path, workload("one"))
    assert done.end is End.KILLED


async def test_a_spent_detector_leaves_the_rest_to_a_fresh_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"one": Command(output=PROGRESS + SPENT), "two": GOOD}))
    done = await run(tmp_path, workload("one"), workload("two"))
    assert [each.workload for each in done.outcomes] == ["one"]
    assert done.outcomes[0].detectors_lost == ("lockdep",)
    assert done.end is End.FINISHED


async def test_a_guest_that_never_gets_ready_has_no_outcomes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(boot="panic"))
    done = await run(tmp_path, workload("one"))
    assert (done.outcomes, done.ready_seconds, done.end) == ((), 0, End.PANICKED)


async def test_a_program_of_the_users_is_copied_in_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\n")
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"cat > /tmp/mine": Command(console="copied")}))
    variables = (("RIG_SEED", "3"),)
    own = Workload(name="mine", argv=("/tmp/mine",), seconds=1, limit=20, program=program, environment=variables)
    done = await run(tmp_path, own)
    console = (tmp_path / done.console).read_text()
    assert console.index("copied") < console.index("rig: begin mine")
    assert done.outcomes[0].status is Status.PASS


async def test_what_cannot_be_run_is_skipped_and_the_rest_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"two": GOOD}))
    known = (Case(name="broken", status=Status.ERROR, reason="why"),)
    done = await run(tmp_path, replace(workload("one"), skip="no tree", cases=known), workload("two"))
    one, two = done.outcomes
    assert (one.status, one.reason, one.cases) == (Status.SKIP, "no tree", known)
    assert two.status is Status.PASS
    assert "rig: begin one" not in (tmp_path / done.console).read_text()


async def test_it_tells_what_begins_how_far_it_is_and_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"{PROGRESS}@looking for leaks\n@progress nonsense\njust output\n{ALIVE}"
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"one": Command(output=said)}))
    heard, boot = Heard(), Boot(side="base", kernel="k", index=2)
    done = await run(tmp_path, workload("one"), replace(workload("two"), skip="no"), progress=heard)
    assert heard.of(TrialStarted) == [TrialStarted(boot=boot, workloads=("one", "two"))]
    assert heard.of(WorkloadStarted) == [WorkloadStarted(boot=boot, workload="one", limit=20)]
    assert [each.text for each in heard.of(Doing)] == ["7 iterations, 9 l2 entries", "looking for leaks"]
    assert [each.outcome for each in heard.of(WorkloadDone)] == list(done.outcomes)
