"""The machine against a scripted guest; and for real, behind the marker."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from rig import cache, markers
from rig.errors import HostError
from rig.guest import machine
from rig.guest.machine import Guest
from rig.guest.shell import ShellError
from rig.model import Accel, End, Image, Kernel, Profile, Shape
from tests.guest import fake
from tests.guest.fake import Behaviour, Command

SHORT = 0.1  # a time scale by which a guest that hangs at boot is given up within seconds


@pytest.fixture
def boot(tmp_path: Path) -> "Boot":
    return Boot(tmp_path)


class Boot:
    def __init__(self, directory: Path) -> None:
        self.console = directory / "console.log"
        self.image = Image(path=directory / "image", digest="")
        self.image.path.write_bytes(b"")

    def __call__(self, *, gdb: bool = False, scale: float = 1) -> AbstractAsyncContextManager[Guest]:
        return machine.boot(
            Kernel(name="k", profile="p", digest="", release="", bzimage=Path("bzImage")),
            profile=Profile(name="p", description="", fragments=(), cmdline=(), detectors=()),
            shape=Shape(),
            accel=Accel(name="tcg", reason="", time_scale=scale),
            image=self.image,
            console=self.console,
            gdb=gdb,
        )


async def test_a_guest_boots_runs_a_command_and_is_powered_off(
    boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"id": Command(output="uid=0\n", status=3)}))
    async with boot() as guest:
        assert await guest.ready()
        ran = await guest.shell.run("id")
        ending = await guest.power_off()
    assert (ran.status, ran.output) == (3, "uid=0\n")
    assert ending.end is End.FINISHED


@pytest.mark.parametrize(
    ("act", "end", "reason"),
    [
        ("panic", End.PANICKED, "the kernel panicked before it was ready: as scripted"),
        ("reset", End.REBOOTED, "it reset itself before it was ready, without a panic"),
        ("off", End.REBOOTED, "it powered itself off before it was ready, unasked"),
        ("die", End.LOST, "QEMU ended with status 9: nothing said"),
        ("hang", End.NEVER_BOOTED, "booting: silent for 0.8 s"),
    ],
)
async def test_the_end_of_a_guest_that_does_not_get_ready(
    boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: fake.Act, end: End, reason: str
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(boot=act))
    async with boot(scale=SHORT if act == "hang" else 1) as guest:
        assert not await guest.ready()
        ending = await guest.power_off()
    assert (ending.end, ending.reason) == (end, reason)


async def test_a_hung_guest_is_asked_where_it_is_below_a_line_of_the_rigs(
    boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(boot="hang", console="last words"))
    async with boot(scale=SHORT) as guest:
        await guest.ready()
    before, after = boot.console.read_bytes().split(markers.GAVE_UP)
    assert b"last words" in before
    assert b"NMI received" in after


async def test_a_qemu_that_does_not_start_is_a_fault_of_the_host(
    boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(boot="refuse"))
    with pytest.raises(HostError, match="Cannot allocate memory"):
        async with boot():
            pytest.fail("it did not start")


async def test_a_command_cut_off_by_a_panic_has_no_status(
    boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"crash": Command(output="so far\n", act="panic")}))
    async with boot() as guest:
        await guest.ready()
        ran = await guest.shell.run("crash")
        assert (await guest.end).end is End.PANICKED
        with pytest.raises(ShellError):
            await guest.shell.run("id")
    assert (ran.status, ran.output) == (None, "so far\n")


async def test_a_command_past_its_limit_leaves_the_guest_usable(
    boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"sleep": Command(act="hang")}))
    async with boot() as guest:
        await guest.ready()
        with pytest.raises(TimeoutError):
            await guest.shell.run("sleep", limit=0.1)
        assert (await guest.shell.run("true")).status == 0


async def test_a_flooded_console_ends_the_guest(boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.guest.console.CAP", 1000)
    fake.install(tmp_path, monkeypatch, Behaviour(console="x" * 2000, boot="hang"))
    async with boot() as guest:
        ending = await guest.end
    assert ending.end is End.KILLED


async def test_nothing_is_left_of_a_guest_that_is_cancelled(
    boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"sleep": Command(act="hang")}))
    pid = 0

    async def use() -> None:
        nonlocal pid
        async with boot() as guest:
            pid = guest._process.pid
            await guest.ready()
            await guest.shell.run("sleep")

    task = asyncio.create_task(use())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(task, 3)
    assert not Path(f"/proc/{pid}").exists()


async def test_with_gdb_the_socket_is_private(boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.install(tmp_path, monkeypatch)
    async with boot(gdb=True) as guest:
        assert guest.gdb
        assert guest.gdb.parent.stat().st_mode & 0o077 == 0
        assert await guest.ready()


async def test_scratch_is_given_back(boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fake.install(tmp_path, monkeypatch)
    async with boot() as guest:
        await guest.ready()
    with cache.scratch() as mine:
        assert list(mine.parent.iterdir()) == [mine]
