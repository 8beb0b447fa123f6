import json
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from rig import store
from rig.cli import main
from rig.errors import Exit
from rig.model import Verdict
from rig.render import document
from rig.render.formats import FORMATS
from tests import values


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The directory of a run that is kept."""
    with store.draft(tmp_path) as draft:
        draft.finish(values.run(values.finding(), verdict=Verdict.REGRESSION, id=draft.id))
    return tmp_path / draft.id


def show(*words: str) -> Result:
    return CliRunner().invoke(main, ("show", *words))


def test_text_is_what_a_terminal_gets(kept: Path) -> None:
    assert show(str(kept)).output.startswith("REGRESSION: patched against base introduced WARNING in foo")


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_is_had_in_every_format(name: str, kept: Path) -> None:
    result = show(str(kept), "--format", name)
    assert result.exit_code == 0
    assert "WARNING in foo" in result.output


def test_options_reach_the_formats_that_have_a_use_for_them(kept: Path) -> None:
    report = json.loads(show(str(kept), "--format", "kcidb", "--origin", "me").output)
    assert report["builds"][0]["id"].startswith("me:")
    assert "Closes: URL" in show(str(kept), "--format", "mail", "--closes", "URL").output


def test_an_origin_that_kcidb_does_not_take_is_refused(kept: Path) -> None:
    result = show(str(kept), "--format", "kcidb", "--origin", "My Lab")
    assert result.exit_code == Exit.USAGE
    assert "small letters" in result.output


@pytest.mark.parametrize("verb", ["compare", "run"])
def test_the_verbs_that_make_runs_write_every_format(verb: str) -> None:
    command = main.get_command(click.Context(main), verb)
    assert command
    assert {f"--{name}" for name in FORMATS} <= {option for each in command.params for option in each.opts}


def test_a_format_that_looks_at_consoles_gets_them(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kept / "console-base-1.log").write_bytes(b"said")
    form = FORMATS["json"]
    seen = type(form)(what="", render=lambda _, beside: repr(dict(beside.consoles)), consoles=True)
    monkeypatch.setitem(FORMATS, "json", seen)
    assert show(str(kept), "--format", "json").output == "{'console-base-1.log': b'said'}"
    monkeypatch.setitem(FORMATS, "json", replace(seen, consoles=False))
    assert show(str(kept), "--format", "json").output == "{}"


def test_the_schema_is_printed() -> None:
    assert CliRunner().invoke(main, ("schema",)).output == document.schema()
