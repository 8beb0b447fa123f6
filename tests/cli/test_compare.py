from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rig import plan, store
from rig.cli import main
from rig.cli.compare import alike
from rig.errors import Exit
from rig.experiment import Overrides
from rig.model import Comparison, Run, Verdict
from rig.render.formats import FORMATS
from tests import values
from tests.lab import Lab, bad


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("base", "pacthed"), "did you mean patched?"),
        (("base", "patched", "-w", "root-chrun"), "did you mean root-churn"),
        (("base", "patched", "--json", "/no/such/dir/out.json"), "there is no directory /no/such/dir"),
        (("base", "patched", "--junit", "/no/such/dir/out.xml"), "--junit /no/such/dir/out.xml: there is no directory"),
        (("base", "patched", "--repeats", "0"), "not in the range"),
        (("base", "patched", "--require-coverage", "180"), "not in the range"),
    ],
)
def test_bad_input_is_told_before_any_work(words: tuple[str, ...], said: str, own_dirs: Path) -> None:
    result = CliRunner().invoke(main, ("compare", *words))
    assert result.exit_code == Exit.USAGE
    assert said in result.output
    assert not list((own_dirs / "xdg_state_home").iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), None),
        (("--coverage",), "which of the changed lines run: one more kernel and trial"),
        (("--require-coverage", "80"), "one more kernel and trial, 80 % are asked for"),
    ],
)
def test_coverage_is_planned_only_when_it_is_asked_for(words: tuple[str, ...], said: str | None) -> None:
    printed = CliRunner().invoke(main, ("compare", "base", "patched", "--dry-run", *words)).output
    assert ("coverage" in printed) == (said is not None)
    assert (said or "") in " ".join(printed.split())


def test_a_dry_run_prints_the_plan_and_does_nothing(own_dirs: Path) -> None:
    result = CliRunner().invoke(main, ("compare", "base", "patched", "--dry-run", "--repeats", "7"))
    assert result.exit_code == 0
    assert "7 a side, 14 in all" in result.output
    assert not list((own_dirs / "xdg_state_home").iterdir())


def test_an_unknown_verb_suggests_a_near_one() -> None:
    result = CliRunner().invoke(main, ("comapre",))
    assert result.exit_code == Exit.USAGE
    assert "did you mean compare" in result.output


def test_a_run_is_written_in_the_formats_asked_for(lab: Lab, own_dirs: Path) -> None:
    lab.script = bad("root-churn")
    files = [word for name in FORMATS for word in (f"--{name}", str(own_dirs / name))]
    result = CliRunner().invoke(main, ("compare", "base", "patched", "-q", "-w", "root-churn", *files))
    assert result.exit_code == Exit.INTRODUCED
    for name in FORMATS:
        assert "WARNING in kvm_tdp_mmu_zap_all" in (own_dirs / name).read_text(), name


def stored(trial: int, **environment: Any) -> None:
    with store.draft() as draft:
        run = Run(
            id=draft.id,
            began="",
            seconds=1.0,
            command="",
            base=values.kernel(),
            patched=None,
            trials=(values.trial(index=trial),),
            comparison=Comparison(verdict=Verdict.CLEAN, findings=(), metrics=()),
            environment=replace(values.ENVIRONMENT, **environment),
        )
        draft.finish(run)


def test_the_latest_run_of_the_same_profile_tells_how_long_trials_take(
    own_dirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter(("0001", "0002", "0003"))
    monkeypatch.setattr("rig.store.secrets.token_hex", lambda _: next(ids))
    planned = plan.make("base", "patched", overrides=Overrides())
    assert alike(planned) == ()
    stored(1)
    stored(2)
    stored(3, profile="race")
    assert [trial.index for trial in alike(planned)] == [2]
