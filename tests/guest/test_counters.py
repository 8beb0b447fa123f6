"""What a kernel counts, fetched from a scripted guest."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from rig.guest import trial
from rig.model import Accel, End, Gcov, Image, Kernel, Profile, Shape, Trial, Workload
from rig.progress import Silent
from tests.guest import fake
from tests.guest.fake import Behaviour, Command

GOOD = Command(output='@progress {"iterations":7,"l2_entries":9}\n@detectors {"debug_locks":1}\n')
KVM, LIB = "arch/x86/kvm/x86", "arch/x86/lib/misc"


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    notes = tmp_path / "notes"
    for name in (KVM, LIB):
        (notes / name).parent.mkdir(parents=True, exist_ok=True)
        (notes / name).with_suffix(".gcno").write_bytes(b"note")
    return Kernel(
        name="k", profile="p", digest="", release="", bzimage=Path("bzImage"), gcov=Gcov(notes=notes, unmeasured=())
    )


async def run(directory: Path, kernel: Kernel, *names: str) -> Trial:
    image = Image(path=directory / "image", digest="")
    image.path.write_bytes(b"")
    return await trial.run(
        kernel,
        tuple(Workload(name=name, argv=("/workloads/it",), seconds=1, limit=20) for name in names),
        side="patched",
        index=2,
        profile=Profile(name="p", description="", fragments=(), cmdline=(), detectors=()),
        shape=Shape(),
        accel=Accel(name="tcg", reason="", time_scale=1),
        image=image,
        directory=directory,
        progress=Silent(),
    )


def install(directory: Path, monkeypatch: pytest.MonkeyPatch, *files: str, last: Command = GOOD) -> None:
    """A guest whose kernel counts in `files`, below where the build was."""
    fake.install(directory, monkeypatch, Behaviour(shell=True, commands={"one": GOOD, "two": last}))
    for file in files:
        path = directory / "bin/debug/gcov/build/here" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"counters of {file}")


def kept(directory: Path) -> dict[str, str]:
    found = sorted(path for path in directory.glob("gcov-patched-2/**/*") if path.is_file())
    return {str(path.relative_to(directory / "gcov-patched-2")): path.read_text() for path in found}


async def test_counters_are_fetched_after_boot_and_each_workload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: Kernel
) -> None:
    install(tmp_path, monkeypatch, f"{KVM}.gcda")
    await run(tmp_path, kernel, "one", "two")
    said = f"counters of {KVM}.gcda"
    assert kept(tmp_path) == {f"{each}/{KVM}.gcda": said for each in ("0-boot", "1-one", "2-two")}


async def test_names_of_the_guests_choose_among_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: Kernel
) -> None:
    install(tmp_path, monkeypatch, f"{LIB}.gcda", "lib/misc.gcda", "other.gcda", f"{KVM}.txt")
    await run(tmp_path, kernel)
    assert kept(tmp_path) == {f"0-boot/{LIB}.gcda": f"counters of {LIB}.gcda"}


async def test_a_guest_that_dies_takes_its_counters_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: Kernel
) -> None:
    install(tmp_path, monkeypatch, f"{KVM}.gcda", last=Command(act="panic"))
    done = await run(tmp_path, kernel, "one", "two")
    assert done.end is End.PANICKED
    assert [name.partition("/")[0] for name in kept(tmp_path)] == ["0-boot", "1-one"]


@pytest.mark.parametrize("answer", ["", "no archive"])
async def test_a_guest_without_counters_runs_its_workloads_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: Kernel, answer: str
) -> None:
    commands = {"one": GOOD, "cat /tmp/.rig-gcov/archive": Command(output=answer)}
    fake.install(tmp_path, monkeypatch, Behaviour(commands=commands))
    done = await run(tmp_path, kernel, "one")
    assert (done.end, kept(tmp_path)) == (End.FINISHED, {})


async def test_an_ordinary_kernel_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: Kernel) -> None:
    install(tmp_path, monkeypatch, f"{KVM}.gcda")
    shutil.rmtree(tmp_path / "notes")
    await run(tmp_path, replace(kernel, gcov=None), "one")
    assert not list(tmp_path.glob("gcov-*"))
