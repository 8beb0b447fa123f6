import pytest

from rig.model import Run
from rig.render import wording
from rig.render.formats import FORMATS, Extras
from tests import values


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("run", [values.run(), values.hostile(), values.run(patched=None, trials=())])
def test_every_format_takes_any_run(name: str, run: Run) -> None:
    text = FORMATS[name].render(run, Extras())
    assert text.endswith("\n")
    assert "\x1b" not in text
    text.encode()


@pytest.mark.parametrize("name", FORMATS)
def test_a_command_that_is_none_does_no_harm(name: str) -> None:
    run = values.run(command="rig compare 'base")
    assert wording.again(run) == run.command
    assert FORMATS[name].render(run, Extras())


@pytest.mark.parametrize("name", FORMATS)
def test_the_command_to_do_it_again_is_without_the_formats(name: str) -> None:
    run = values.run(command=f"rig compare base patched --{name} FILE -s 5 --{name}=FILE -n 2")
    assert wording.again(run) == "rig compare base patched -s 5 -n 2"
