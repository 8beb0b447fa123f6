import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rig.cli import main
from rig.errors import Exit
from tests.kernel.miniature import BROKEN, FILES, WARNING


@pytest.fixture
def project(own_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with one recipe, `base`, of a kernel in miniature."""
    project = own_dirs / "project"
    files = {
        **{f"tiny/{name}": text for name, text in FILES.items()},
        "kernels/base.yaml": "source: {tree: ../tiny}\n",
        "kernels/warn.patch": WARNING,
        "kernels/broken.patch": BROKEN,
        "configs/profiles/sanitize.yaml": "description: x\nfragments: [a.config]\n",
        "configs/fragments/a.config": "CONFIG_KASAN=y\n",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    monkeypatch.setenv("RIG_PROJECT", str(project))
    monkeypatch.chdir(project / "kernels")
    return project


def rig(*words: str) -> Result:
    return CliRunner().invoke(main, ["build", *words])


@pytest.mark.usefixtures("project")
def test_each_kernel_gets_a_line_with_its_image_and_warnings() -> None:
    result = rig("base", "warn.patch")
    assert result.exit_code == Exit.CLEAN
    first, second, warning = result.stdout.splitlines()
    assert first.startswith("base: 6.1.0-tiny, ")
    assert second.startswith("base+warn: 6.1.0-tiny, ")
    assert warning == "  main.c:6: unused variable ‘unused’ -Wunused-variable"


@pytest.mark.usefixtures("project")
def test_json_is_an_object_a_line() -> None:
    result = rig("base", "base+broken.patch", "--json", "--quiet")
    built, failed = (json.loads(line) for line in result.stdout.splitlines())
    assert (built["built"], built["name"], built["release"]) == (True, "base", "6.1.0-tiny")
    assert (failed["built"], failed["name"]) == (False, "base+broken")
    assert "nonsense" in failed["errors"][0]


@pytest.mark.usefixtures("project")
def test_a_kernel_that_does_not_compile_has_its_own_status() -> None:
    result = rig("base+broken.patch")
    assert result.exit_code == Exit.UNBUILDABLE
    assert "main.c:6:9: error: " in result.stdout


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bse",), "no kernel 'bse'"),
        (("base", "--profile", "sanitise"), "no profile 'sanitise'"),
        (("warn.patch",), "to what?"),
    ],
)
def test_bad_input_is_refused(words: tuple[str, ...], said: str) -> None:
    result = rig(*words)
    assert result.exit_code == Exit.USAGE
    assert said in result.stderr
