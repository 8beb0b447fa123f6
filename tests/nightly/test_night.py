"""Whole nights, with scripted kernels and guests, and a real memory."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig import paths, store, yamlfile
from rig.cli.compare import command
from rig.experiment import Overrides
from rig.memory import nights
from rig.memory.database import Database
from rig.model import End, Kernel
from rig.nightly import evening, watchman
from rig.nightly.evening import Asked
from rig.nightly.kernels import Line
from rig.nightly.matrix import NightlyFile
from rig.progress import Silent
from tests import values
from tests.lab import Lab
from tests.nightly.scripted import PLAN, WARNING, Branch, Done, Killed, branch, killed, known, memory, night

__all__ = ["branch", "memory"]  # fixtures


async def test_a_clean_night_does_all_its_jobs_and_opens_nothing(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path
) -> None:
    done = await night(memory, tmp_path)
    assert [(job.where.shape, job.state) for job in done.jobs] == [("default", "done"), ("shadow", "done")]
    assert (done.news.night.state, done.news.items, known(memory)) == ("finished", (), ())
    assert [side for side, _ in lab.boots] == ["base", "patched"] * 2
    assert all((paths.runs() / job.run / "report.html").is_file() for job in done.jobs)


async def test_the_next_night_does_not_boot_the_release_again(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path
) -> None:
    await night(memory, tmp_path)
    lab.boots.clear()
    branch.commit = "c2"
    again = await night(memory, tmp_path)
    assert [side for side, _ in lab.boots] == ["patched"] * 2
    assert again.news.night.id.endswith("-2")


async def test_what_is_new_is_confirmed_once_and_opens_with_the_range_it_came_in(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path
) -> None:
    await night(memory, tmp_path)
    branch.commit, branch.bad = "c2", {"c2"}
    done = await night(memory, tmp_path)
    (found,) = known(memory)
    assert [(item.kind, item.title) for item in done.news.items[:1]] == [("new", WARNING)]
    assert (found.title, found.standing, found.good, found.bad) == (WARNING, "confirmed", "c1", "c2")
    assert found.observations[0].hits >= 3
    assert lab.boots.count(("patched", ("memslot-churn", "vm-teardown"))) == 2 * 2  # nights and places
    assert lab.boots.count(("patched", ("vm-teardown",))) == found.observations[0].hits - 2  # not confirmed once more
    assert branch.searched == [("c1", "c2", WARNING)]
    assert [(job.kind, job.state, job.why) for job in done.jobs[2:]] == [("bisect", "failed", "scripted: no search")]


async def test_what_is_mended_is_verified_and_closes_the_same_night(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path
) -> None:
    branch.bad = {"c1"}
    await night(memory, tmp_path)
    branch.commit = "c2"
    lab.boots.clear()
    done = await night(memory, tmp_path)
    (gone,) = known(memory)
    assert (gone.open, gone.closed) == (False, done.news.night.id)
    assert gone.good == "c0"  # no night before showed it not to be there


async def test_a_night_without_time_leaves_its_jobs_out_and_says_so(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path
) -> None:
    done = await night(memory, tmp_path, deadline="5s")
    assert {job.state for job in done.jobs} == {"left out"}
    assert lab.boots == []


async def test_a_kernel_that_does_not_build_is_built_once_and_is_a_regression(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.failing = {"mainline"}
    monkeypatch.setattr("rig.pipeline.build", lab.build)
    done = await night(memory, tmp_path)
    assert [job.state for job in done.jobs[:2]] == ["done", "left out"]
    assert [each.title for each in done.news.of("new")] == ["build failure: a.c:1:1: error: x"]


async def test_a_base_that_does_not_build_fails_the_job_not_the_night(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.failing = {"v1"}
    monkeypatch.setattr("rig.pipeline.build", lab.build)
    done = await night(memory, tmp_path)
    assert [job.state for job in done.jobs] == ["failed", "left out"]
    assert "does not compile" in done.jobs[0].why
    assert done.news.night.state == "finished"


async def test_a_night_that_was_killed_goes_on_without_the_trials_it_has(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = lab.trial
    whole: list[Any] = []

    async def dying(*args: Any, **given: Any) -> Any:
        if len(whole) == 3:
            raise Killed
        whole.append(await boots(*args, **given))
        return whole[-1]

    monkeypatch.setattr("rig.rounds.trial.run", dying)
    with pytest.raises(BaseExceptionGroup):
        await night(memory, tmp_path)
    monkeypatch.setattr("rig.rounds.trial.run", boots)
    lab.boots.clear()
    done = await night(memory, tmp_path)
    assert [job.state for job in done.jobs] == ["done", "done"]
    assert [side for side, _ in lab.boots] == ["patched"]  # the base of the second job was there
    assert len(await _every(memory, done)) == 4


async def test_a_run_that_was_finished_when_the_night_was_killed_is_taken_in_as_it_is(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed(monkeypatch, "rig.nightly.jobs._taken_in", memory, tmp_path)
    booted = len(lab.boots)
    done = await night(memory, tmp_path)
    assert len(lab.boots) == booted + 2  # of the second job
    assert [job.state for job in done.jobs] == ["done", "done"]


async def _every(memory: Database, done: Done) -> list[Any]:
    return [trial for job in done.jobs for trial in store.read(paths.runs() / job.run).trials]


async def test_a_message_is_sent_when_something_changed_and_not_when_nothing_did(
    branch: Branch, memory: Database, tmp_path: Path
) -> None:
    tell = {"directory": str(tmp_path / "told")}
    first = await night(memory, tmp_path, tell=tell)
    branch.commit = "c2"
    quiet = await night(memory, tmp_path, tell=tell)
    branch.commit, branch.bad = "c3", {"c3"}
    bad = await night(memory, tmp_path, tell=tell)
    assert [each.told for each in (first, quiet, bad)] == [True, False, True]  # the first one says that it works
    named = {file.name.partition(".")[0] for file in (tmp_path / "told").iterdir()}
    assert named == {first.news.night.id, bad.news.night.id}


async def test_the_site_is_there_in_the_morning(branch: Branch, memory: Database, tmp_path: Path) -> None:
    await night(memory, tmp_path, site=str(tmp_path / "site"))
    assert (tmp_path / "site" / "index.html").is_file()


async def test_a_night_that_was_killed_before_its_message_sends_it_when_it_goes_on(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed(
        monkeypatch, "rig.nightly.morning.site.build", memory, tmp_path, tell={"directory": str(tmp_path / "told")}
    )
    lab.boots.clear()
    done = await night(memory, tmp_path, tell={"directory": str(tmp_path / "told")})
    assert (done.told, done.news.night.state, lab.boots) == (True, "finished", [])
    assert list((tmp_path / "told").glob(f"{done.news.night.id}*.md"))
    after = await night(memory, tmp_path)
    assert after.news.night.id != done.news.night.id


async def test_a_night_whose_deadline_has_passed_is_ended_with_what_it_has_and_the_next_one_begins(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed(monkeypatch, "rig.nightly.jobs._taken_in", memory, tmp_path)
    with memory.session() as session:
        (old,) = nights.nights(session)
        nights.save_night(session, replace(old, deadline="2026-01-01T06:00:00+00:00"))
    done = await night(memory, tmp_path)
    with memory.reading() as session:
        jobs = nights.jobs(session, old.id)
        assert nights.nights(session)[1].state == "finished"
    assert [job.state for job in jobs] == ["done", "left out"]  # the first one's run was whole
    assert done.news.night.id != old.id
    assert [job.state for job in done.jobs] == ["done", "done"]


async def test_no_night_is_begun_where_only_an_interrupted_one_is_asked_for(
    branch: Branch, memory: Database, tmp_path: Path
) -> None:
    file = yamlfile.check(NightlyFile, PLAN, "nightly.yaml")
    asked = Asked(file=file, path=tmp_path / "nightly.yaml", overrides=Overrides(), command="rig nightly")
    assert await watchman.whole(asked, memory, Silent(), only_left=True) is None
    with memory.reading() as session:
        assert nights.nights(session) == ()


async def test_a_jobs_run_names_the_command_that_does_it_alone(
    branch: Branch, memory: Database, tmp_path: Path
) -> None:
    done = await night(memory, tmp_path)
    run = store.read(paths.runs() / done.jobs[1].run)
    words = shlex.split(run.command)
    assert words[:4] == ["rig", "compare", "v1", "mainline"]
    assert {"--workload=vm-teardown", "--cmdline=kvm_amd.npt=0", "--profile=sanitize"} < set(words)
    assert command.make_context("compare", words[2:]).params["cmdline"] == ("kvm_amd.npt=0", "kvm_intel.ept=0")


async def test_hosts_that_share_a_memory_have_nights_and_messages_of_their_own(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await killed(monkeypatch, "rig.nightly.jobs._taken_in", memory, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("rig.nightly.evening.socket.gethostname", lambda: "another")
        patched.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
        other = await night(memory, tmp_path)
    mine = await night(memory, tmp_path)
    assert other.news.night.host == "another"
    assert other.news.night.id == f"{mine.news.night.id}-2"  # the one that was killed is gone on with
    assert (other.told, mine.told) == (True, True)


async def test_the_last_good_tip_is_that_of_the_newest_night_in_which_nothing_was_open(
    branch: Branch, memory: Database, tmp_path: Path
) -> None:
    def last_good() -> str:
        with memory.reading() as session:
            return evening._last_good(session, "mainline")

    assert last_good() == ""
    found = []
    for commit, bad in (("c1", False), ("c2", True), ("c3", True), ("c4", False)):
        branch.commit, branch.bad = commit, {commit} if bad else set()
        await night(memory, tmp_path)
        found.append(last_good())
    assert found == ["c1", "c1", "c1", "c4"]


async def test_what_shows_at_boot_is_searched_for_as_well(
    branch: Branch, memory: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig.rounds.trial.run", _never_boots)
    done = await night(memory, tmp_path)
    assert [item.title for item in done.news.of("new")] == ["boot failure"]
    assert branch.searched == [("c0", "c1", "boot failure")]


async def _never_boots(kernel: Kernel, *_: object, **given: Any) -> Any:
    dead = (
        {"outcomes": (), "end": End.NEVER_BOOTED}
        if given["side"] == "patched"
        else {"outcomes": tuple(map(values.outcome, PLAN["workloads"]))}
    )
    trial = values.trial(given["side"], index=given["index"], kernel=kernel.name, **dead)
    (given["directory"] / trial.console).write_text("")
    return trial


async def test_the_same_finding_of_two_kernels_is_searched_for_in_both(
    lab: Lab, branch: Branch, memory: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = branch.found

    async def both(*_: object) -> tuple[tuple[Line, ...], tuple[str, ...]]:
        ((line,), _) = await found()
        return (line, replace(line, name="next")), ()

    monkeypatch.setattr("rig.nightly.kernels.found", both)
    branch.bad = {"c1"}
    await night(memory, tmp_path, kernels=dict.fromkeys(("mainline", "next"), PLAN["kernels"]["mainline"]))
    assert len(branch.searched) == 2
