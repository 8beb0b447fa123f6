"""Guests for real: the shipped kernel, from the cache or built."""

import os
import signal
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from rig import plan
from rig.errors import HostError
from rig.guest import accel, image, machine, trial
from rig.guest.machine import Guest
from rig.kernel import recipe
from rig.kernel.build import build
from rig.model import Accel, End, Image, Kernel, Shape, Status, Trial, Workload
from rig.progress import Silent

pytestmark = pytest.mark.boot
PROFILE, SHAPE = plan.profile("sanitize"), Shape()


def shell(name: str, script: str, limit: float = 120) -> Workload:
    return Workload(name=name, argv=("/bin/sh", "-c", script), seconds=1, limit=limit)


class Bench:
    """A kernel and all that it takes to boot it."""

    def __init__(self, kernel: Kernel, accel: Accel, image: Image, directory: Path) -> None:
        self.kernel, self.accel, self.image, self.directory = kernel, accel, image, directory

    def boot(self, *extra: str, shape: Shape = SHAPE) -> AbstractAsyncContextManager[Guest]:
        return machine.boot(
            self.kernel,
            profile=PROFILE,
            shape=shape,
            accel=self.accel,
            image=self.image,
            console=self.directory / "console.log",
            extra=extra,
        )

    async def trial(self, *workloads: Workload) -> Trial:
        return await trial.run(
            self.kernel,
            workloads,
            side="base",
            index=1,
            profile=PROFILE,
            shape=SHAPE,
            accel=self.accel,
            image=self.image,
            directory=self.directory,
            progress=Silent(),
        )


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    kernel = await build(recipe.resolve("patched"), PROFILE, Silent())
    assert isinstance(kernel, Kernel)
    return Bench(kernel, await accel.find("auto"), await image.build(Silent()), tmp_path)


async def test_a_guest_nests_takes_files_and_is_powered_off(bench: Bench, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(os.urandom(100_000))
    async with bench.boot() as guest:
        assert await guest.ready()
        assert (await guest.shell.run("grep -qwE 'svm|vmx' /proc/cpuinfo && test -c /dev/kvm")).status == 0
        await guest.shell.put(there, "/tmp/it")
        await guest.shell.get("/tmp/it", back)
        ending = await guest.power_off()
    assert back.read_bytes() == there.read_bytes()
    assert ending.end is End.FINISHED


async def test_a_kernel_without_init_panics_before_it_is_ready(bench: Bench) -> None:
    async with bench.boot("rdinit=/nothing", "init=/nothing") as guest:
        assert not await guest.ready()
        assert (await guest.end).end is End.PANICKED


async def test_a_guest_stopped_at_boot_never_booted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "BOOT_SILENCE", 0.2)
    async with bench.boot() as guest:
        await guest._monitor._client.execute("stop")
        assert not await guest.ready()
        assert (await guest.end).end is End.NEVER_BOOTED


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ("echo c > /proc/sysrq-trigger", End.PANICKED),
        ("echo b > /proc/sysrq-trigger", End.REBOOTED),
        ("while :; do :; done", End.HUNG),
    ],
)
async def test_a_workload_that_takes_the_guest_with_it(bench: Bench, script: str, end: End) -> None:
    done = await bench.trial(shell("bad", script, limit=15), shell("never", "true"))
    assert done.end is end
    assert [(each.workload, each.status) for each in done.outcomes] == [("bad", Status.FAIL)]
    assert done.ready_seconds > 0


async def test_a_killed_qemu_is_lost(bench: Bench) -> None:
    async with bench.boot() as guest:
        os.kill(guest._process.pid, signal.SIGKILL)
        assert not await guest.ready()
        assert (await guest.end).end is End.LOST


async def test_one_that_outgrows_the_host_is_a_fault_of_the_host(bench: Bench) -> None:
    with pytest.raises(HostError, match="does not start"):
        async with bench.boot(shape=Shape(memory_mib=1 << 30)):
            pytest.fail("it did start")
