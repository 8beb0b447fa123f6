"""Guests for real: the shipped kernel, from the cache or built."""

import os
import signal
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rig import plan
from rig.errors import HostError
from rig.guest import accel, image, machine, trial
from rig.guest.machine import Guest
from rig.kernel import recipe
from rig.kernel.build import build
from rig.model import End, Kernel, Shape, Status, Workload
from rig.progress import Silent

pytestmark = pytest.mark.boot
Boot = partial[AbstractAsyncContextManager[Guest]]


def shell(name: str, script: str, limit: float = 120) -> Workload:
    return Workload(name=name, argv=("/bin/sh", "-c", script), seconds=1, limit=limit)


@pytest.fixture
async def boot(tmp_path: Path) -> Boot:
    profile = plan.profile("sanitize")
    kernel = await build(recipe.resolve("patched"), profile, Silent())
    assert isinstance(kernel, Kernel)
    return partial(
        machine.boot,
        kernel,
        profile=profile,
        shape=Shape(),
        accel=await accel.find("auto"),
        image=await image.build(Silent()),
        console=tmp_path / "console.log",
    )


async def test_a_guest_nests_takes_files_and_is_powered_off(boot: Boot, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(os.urandom(100_000))
    async with boot() as guest:
        assert await guest.ready()
        assert (await guest.shell.run("grep -qwE 'svm|vmx' /proc/cpuinfo && test -c /dev/kvm")).status == 0
        await guest.shell.put(there, "/tmp/it")
        await guest.shell.get("/tmp/it", back)
        ending = await guest.power_off()
    assert back.read_bytes() == there.read_bytes()
    assert ending.end is End.FINISHED


async def test_a_kernel_without_init_panics_before_it_is_ready(boot: Boot) -> None:
    async with boot(extra=("rdinit=/nothing", "init=/nothing")) as guest:
        assert not await guest.ready()
        assert (await guest.end).end is End.PANICKED


async def test_a_guest_stopped_at_boot_never_booted(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "BOOT_SILENCE", 0.2)
    async with boot() as guest:
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
async def test_a_workload_that_takes_the_guest_with_it(boot: Boot, tmp_path: Path, script: str, end: End) -> None:
    workloads = (shell("bad", script, limit=15), shell("never", "true"))
    given = {name: value for name, value in boot.keywords.items() if name != "console"}
    run = partial(trial.run, *boot.args, workloads, **given)
    done = await run(side="base", index=1, directory=tmp_path, progress=Silent())
    assert done.end is end
    assert [(each.workload, each.status) for each in done.outcomes] == [("bad", Status.FAIL)]
    assert done.ready_seconds > 0


async def test_a_killed_qemu_is_lost(boot: Boot) -> None:
    async with boot() as guest:
        os.kill(guest._process.pid, signal.SIGKILL)
        assert not await guest.ready()
        assert (await guest.end).end is End.LOST


async def test_one_that_outgrows_the_host_is_a_fault_of_the_host(boot: Boot) -> None:
    with pytest.raises(HostError, match="does not start"):
        async with boot(shape=replace(Shape(), memory_mib=1 << 30)):
            pytest.fail("it did start")
