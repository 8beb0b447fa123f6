from datetime import UTC, datetime
from pathlib import Path

import pytest

from rig import store
from rig.errors import InputError
from rig.model import Comparison, Run, Verdict
from tests import values


def a_run(draft: store.Draft) -> Run:
    return Run(
        id=draft.id,
        began=draft.began.isoformat(),
        seconds=1.5,
        command="rig compare base patched",
        base=values.kernel("base"),
        patched=values.kernel("patched"),
        trials=(values.trial("base"), values.trial("patched", values.report("WARNING in foo"))),
        comparison=Comparison(verdict=Verdict.CLEAN, findings=(), metrics=()),
        environment=values.ENVIRONMENT,
    )


def test_a_finished_run_reads_back_equal(tmp_path: Path) -> None:
    with store.draft(tmp_path) as draft:
        run = a_run(draft)
        draft.finish(run)
    assert store.read(store.location(run.id, tmp_path)) == run


def test_a_copied_run_reads_back_equal(tmp_path: Path) -> None:
    with store.draft(tmp_path / "here") as draft:
        run = a_run(draft)
        draft.finish(run)
    elsewhere = (tmp_path / "here" / run.id).rename(tmp_path / "elsewhere")
    assert store.read(store.location(str(elsewhere))) == run


def test_an_interrupted_run_keeps_its_trials_and_is_marked(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), store.draft(tmp_path) as draft:
        draft.keep(values.trial("base"))
        raise KeyboardInterrupt
    (entry,) = store.entries(tmp_path)
    assert (entry.run, entry.live) == (None, False)
    assert list(entry.directory.glob("trials/base-1.json"))


def test_a_run_that_learnt_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError), store.draft(tmp_path):
        raise InputError("no such kernel")
    assert store.entries(tmp_path) == ()


def test_a_run_going_on_is_live(tmp_path: Path) -> None:
    with store.draft(tmp_path):
        assert [entry.live for entry in store.entries(tmp_path)] == [True]


def test_the_latest_run_is_found(tmp_path: Path) -> None:
    with store.draft(tmp_path) as draft:
        draft.finish(a_run(draft))
    assert store.location("latest", tmp_path).name == draft.id


def test_an_unknown_run_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run is called 'x'"):
        store.location("x", tmp_path)


def test_the_latest_runs_come_first_and_those_of_other_versions_not_at_all(tmp_path: Path) -> None:
    ids = ["20260101-000000-aaaa", "20260102-000000-aaaa", "20260103-000000-aaaa", "20260104-000000-aaaa"]
    for name in ids:
        (tmp_path / name).mkdir()
        draft = store.Draft(id=name, began=datetime.now(UTC), directory=tmp_path / name)
        draft.finish(a_run(draft))
    (tmp_path / ids[2] / store.RESULT).write_text("{}")
    assert [run.id for run in store.latest(3, tmp_path)] == [ids[3], ids[1]]
    assert not list(store.latest(3, tmp_path / "none"))


def test_consoles_are_had_by_name(tmp_path: Path) -> None:
    (tmp_path / "console-base-1.log").write_bytes(b"booting")
    consoles = store.Consoles(tmp_path)
    assert dict(consoles) == {"console-base-1.log": b"booting"}
    assert consoles.get("console-base-2.log") is None


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "link", "..", ""])
def test_a_run_from_elsewhere_gets_no_other_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    directory = tmp_path / "run"
    directory.mkdir()
    (directory / "link").symlink_to(tmp_path / "secret")
    assert store.Consoles(directory).get(name) is None


def test_an_interrupted_run_is_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), store.draft(tmp_path) as draft:
        draft.keep(values.trial("patched", index=2))
        draft.keep(values.trial("base"))
        raise KeyboardInterrupt
    with store.resumed(draft.id, tmp_path) as again:
        assert [(trial.side, trial.index) for trial in again.kept()] == [("base", 1), ("patched", 2)]
        assert again.began == draft.began.replace(microsecond=0)
        again.finish(values.run(id=draft.id))
    assert store.read(tmp_path / draft.id).id == draft.id


def test_a_run_that_is_not_interrupted_cannot_be_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no interrupted run"), store.resumed("20260101-120000-ab12", tmp_path):
        pass
