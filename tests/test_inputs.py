"""What a run was made of, kept with it and read back by the rig itself."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from rig import inputs, plan, store, workloads
from rig.cli import main
from rig.experiment import Overrides, Plan
from rig.guest import alone
from rig.kernel import recipe
from rig.model import Image, Kernel, Recipe, Run, Source, Workload
from rig.render.script import Again
from tests import values
from tests.lab import Lab

PATCH = "--- a/main.c\n+++ b/main.c\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    path = tmp_path / "my fix.patch"
    path.write_text(PATCH)
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A run directory."""
    directory = tmp_path / "run"
    directory.mkdir()
    return directory


def planned(patched: str | None = "patched", base: str = "base", **given: object) -> Plan:
    return plan.make(base, patched, overrides=Overrides(**given))  # type: ignore[arg-type]


def keep(wanted: Plan, directory: Path, run: Run | None = None, image: Image | None = None) -> Again:
    return inputs.write(inputs.copy(wanted, directory), run or values.run(), directory, image)


def contents(found: Recipe) -> Recipe:
    """Return a recipe with what its patches say in the place of where they are, under a name fit for a file."""
    said = tuple(Path(path.read_text()) for path in found.patches)
    return replace(found, name=store.named(found.name), patches=said)


def test_recipes_read_back_as_what_they_were(kept: Path, patch: Path) -> None:
    wanted = planned(str(patch))
    again = keep(wanted, kept)
    assert again.patched
    read = [recipe.resolve(str(kept / side.kernel)) for side in (again.base, again.patched)]
    assert [contents(each) for each in read] == [contents(wanted.base), contents(wanted.patched or wanted.base)]
    assert not again.base.needs + again.patched.needs


def test_a_series_is_kept_without_what_else_lies_there(kept: Path, tmp_path: Path) -> None:
    series = tmp_path / "series.d"
    series.mkdir()
    for name in ("b.patch", "../a.patch", "other.patch"):
        (series / name).write_text(name)
    (series / "series").write_text("# first\nb.patch -p2\n\n../a.patch # why\n")
    keep(planned(str(series)), kept)
    copied = kept / "inputs/patched/02-series.d"
    assert {path.name: path.read_text() for path in copied.iterdir()} == {
        "001-b.patch": "b.patch",
        "002-a.patch": "../a.patch",
        "series": "001-b.patch -p2\n002-a.patch\n",
    }


def test_a_directory_of_patches_keeps_their_order(kept: Path, tmp_path: Path) -> None:
    series = tmp_path / "outgoing"
    series.mkdir()
    for name in ("0002-b.patch", "0001-a.patch"):
        (series / name).write_text(PATCH)
    keep(planned(str(series)), kept)
    assert (kept / "inputs/patched/02-outgoing/series").read_text() == "001-0001-a.patch\n002-0002-b.patch\n"


def test_the_plan_reads_back_as_what_it_was(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, tests = tmp_path / "mine.sh", tmp_path / "test_it.py"
    program.write_text("#!/bin/sh\n")
    tests.write_text("")
    (tmp_path / "conftest.py").write_text("# shared")
    own = (f"{program} 'a b' {{seed}}", f"{tests}::test_one", "root-churn")
    wanted = planned(repeats=7, seconds=3, memory=512, vcpus=4, seed=9, workloads=own)
    keep(wanted, kept)
    monkeypatch.chdir(kept)
    read = plan.make("base", "patched", file="inputs/plan.yaml", overrides=Overrides())
    at_home = [replace(each, path=Path()) if isinstance(each, workloads.Own) else each for each in wanted.workloads]
    in_run = [replace(each, path=Path()) if isinstance(each, workloads.Own) else each for each in read.workloads]
    assert at_home == in_run
    assert replace(read, workloads=wanted.workloads) == wanted
    assert (kept / "inputs/workloads/conftest.py").read_text() == "# shared"


def git_kernel(**given: str) -> Kernel:
    return values.kernel("base", tree="t", commit="c" * 40, **given)


def test_a_revision_is_pinned_and_can_be_had_from_another_clone(kept: Path, patch: Path) -> None:
    at = Recipe(name="topic", source=Source(kind="git", location="/home/me/linux", rev="topic"), patches=(patch,))
    again = keep(replace(planned(None), base=at), kept, values.run(base=git_kernel(), patched=None))
    side = again.base
    assert (side.needs, side.commit, side.patches) == ("/home/me/linux", "c" * 40, ("inputs/base/01-my fix.patch",))
    assert "rev: " + "c" * 40 in (kept / side.kernel).read_text()


def test_a_tree_of_this_host_is_kept_as_what_makes_it_of_base(kept: Path) -> None:
    tree = Recipe(name="linux", source=Source(kind="tree", location="/home/me/linux"))
    again = keep(replace(planned(), patched=tree), kept, values.run(patch=PATCH))
    assert again.patched
    assert (again.patched.over_base, again.patched.needs) == (True, "")
    assert (kept / again.patched.kernel).read_text() == PATCH


def test_a_difference_says_nothing_of_the_configuration(kept: Path) -> None:
    tree = Recipe(name="linux", source=Source(kind="tree", location="/home/me/linux"), kconfig=("CONFIG_X=y",))
    again = keep(replace(planned(), patched=tree), kept, values.run(patch=PATCH))
    assert again.patched
    assert (again.patched.over_base, again.patched.needs) == (False, "/home/me/linux")


def test_a_tree_whose_difference_is_not_known_is_needed(kept: Path) -> None:
    tree = Recipe(name="linux", source=Source(kind="tree", location="/home/me/linux"))
    again = keep(replace(planned(), patched=tree), kept)
    assert again.patched
    assert again.patched.needs == "/home/me/linux"


def test_kernels_are_kept_when_asked_for(kept: Path, tmp_path: Path) -> None:
    for name in ("base", "patched", "image"):
        (tmp_path / name).write_text(name)
    ready = Recipe(name="mine", bzimage=tmp_path / "base")
    run = values.run(
        base=values.kernel("base", bzimage=tmp_path / "base"),
        patched=values.kernel("patched", bzimage=tmp_path / "patched"),
    )
    image = Image(path=tmp_path / "image", digest="")
    again = keep(replace(planned(), base=ready), kept, run, image)
    assert (again.base.kernel, again.base.needs) == ("kernels/base.bzImage", "")
    assert (kept / "kernels/patched.bzImage").read_text() == "patched"
    assert (kept / "kernels/initramfs.cpio").read_bytes().startswith(b"image070701")
    assert f"rdinit={alone.INIT}" in again.qemu[-1]


def test_a_ready_kernel_that_is_not_kept_is_needed(kept: Path, tmp_path: Path) -> None:
    again = keep(replace(planned(None), base=Recipe(name="mine", bzimage=tmp_path / "b")), kept)
    assert again.base.needs == str(tmp_path / "b")


def test_a_run_is_done_again_by_its_script(lab: Lab, own_dirs: Path, patch: Path) -> None:
    """The rig makes a run, and takes from the script, called elsewhere, what it would do again."""
    program = own_dirs / "mine.sh"
    program.write_text("#!/bin/sh\n")
    words = ("compare", "-q", "base", str(patch), "-n", "2", "-w", f"{program} x", "-w", "root-churn")
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert "CLEAN" in result.output
    directory = store.location("latest").rename(own_dirs / "copied elsewhere")
    for gone in (patch, program):
        gone.unlink()
    stand_in = own_dirs / "rig"
    stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} -m rig "$@" --dry-run\n')
    stand_in.chmod(0o755)
    env = {"PATH": f"{own_dirs}:/usr/bin:/bin", "PYTHONPATH": str(Path(plan.__file__).parent.parent)}
    done = subprocess.run(
        (directory / "reproduce.sh",), capture_output=True, text=True, cwd=own_dirs, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    for said in ("01-0001-free-root", "02-my fix.patch", "2 a side", "mine.sh", "root-churn"):
        assert said in done.stdout


def test_the_lonely_guest_runs_the_workloads_by_name(tmp_path: Path) -> None:
    entry = Workload(name="root-churn", argv=("/workloads/root-churn", "--seed", "1"), seconds=1, limit=1.0)
    own = replace(entry, name="mine.sh", argv=("/tmp/mine.sh", "a b"), program=Path("/x/mine.sh"))
    script = alone.init((entry, own, replace(entry, name="t.py", tests=True)))
    assert "\t/bin/rig-run --scan=suspected root-churn -- /workloads/root-churn --seed 1\n" in script
    assert "\t/bin/rig-run --scan=suspected mine.sh -- /own/mine.sh 'a b'\n" in script
    assert "t.py needs the rig" in script
    checked = subprocess.run(("sh", "-n"), input=script, text=True, capture_output=True, check=False)
    assert checked.stderr == ""


def test_the_lonely_guests_archive_holds_it_and_the_users_programs() -> None:
    archive = alone.archive((), {"mine.sh": b"#!/bin/sh\n"})
    done = subprocess.run(("cpio", "-t"), input=archive, capture_output=True, check=True)
    assert done.stdout.decode().split() == ["alone", "own", "own/mine.sh"]
