"""`make bench`: ratios and sizes, from one run on one machine.

What reading consoles costs (see `reading`) and what asking a full memory does (see `memory`), then

(a) a whole cold `rig compare` over its floor: plain make once, one incremental make, the same boots by bare QEMU
(b) the second kernel's build over the first's
(c) a guest ready for its first command over bare QEMU to init
(d) a warm `rig compare` over the sum of its guests' time, divided by the guests that fit
(e) slot updates a second of our workload over those of the kernel's own stress test, in the same guest
(f) known-bad kernels that our workloads show in a minute over those that the KVM selftests show
(g) a second `rig presubmit` after one file was amended, until a guest is up, over plain make and bare QEMU
"""

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psutil

from bench import catching, floor, memory, presubmit, reading, site
from rig import cache, paths, plan
from rig.experiment import Overrides, Plan
from rig.guest import accel, image, machine
from rig.kernel import source
from rig.kernel.build import build
from rig.kernel.home import checkout
from rig.model import Accel, Image, Kernel
from rig.progress import Silent

GOLDEN = Path(__file__).parent.parent / "tests/reports/golden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A `rig compare` from outside: its seconds, its own peak memory in MB, its JSON."""

    seconds: float
    peak: float
    result: dict[str, Any]


def compare(*options: str) -> Timed:
    """Run `rig compare base patched` as a user does."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        argv = (sys.executable, "-m", "rig", "compare", "base", "patched", "--quiet", "--json", file.name, *options)
        began, peak = time.monotonic(), 0.0
        process = psutil.Popen(argv, stdout=sys.stderr)
        while process.poll() is None:
            peak = max(peak, _high_water(process.pid))
            time.sleep(0.2)
        seconds = time.monotonic() - began
        if process.returncode:
            sys.exit(f"rig compare ended with status {process.returncode}")
        return Timed(seconds=seconds, peak=peak, result=json.loads(Path(file.name).read_text()))


def _high_water(pid: int) -> float:
    """Return the peak resident memory of a process so far, in MB; 0 when it has gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def say(name: str, value: float, bound: float, how: str, *, least: bool = False) -> None:
    """Print one figure beside its bound, which it must not exceed, or must reach."""
    good = value >= bound if least else value <= bound
    kind = "at least" if least else "at most"
    print(f"{name:56} {value:7.2f}   {kind:8} {bound:6.2f}   {'ok  ' if good else 'MISS'}   {how}", flush=True)


def guest_seconds(result: dict[str, Any]) -> float:
    """Return the sum of the guests' lives, power-on to end."""
    return float(sum(trial["seconds"] for trial in result["trials"]))


def work_seconds(result: dict[str, Any]) -> float:
    """Return the sum of what the workloads took by themselves."""
    return float(sum(outcome["seconds"] for trial in result["trials"] for outcome in trial["outcomes"]))


def fitting() -> int:
    """Return how many guests of the default shape run side by side here."""
    return plan.guests_that_fit(plan.make("base", None, overrides=Overrides()).shape, asyncio.run(accel.find("auto")))


async def import_source() -> Path:
    """Import the kernel source into the cache, which happens once a machine, and return its clean tree's directory."""
    recipe = plan.make("base", None, overrides=Overrides()).base
    assert recipe.source
    found = await source.find(recipe.source, recipe.patches, Silent())
    await checkout(found)
    return found.home.tree


async def bare_builds(tree: Path, config: Path, work: Path, patched: Path) -> tuple[float, float]:
    """Return the seconds of a plain make, and of the incremental one for the second kernel."""
    out = work / "plain"
    out.mkdir()
    shutil.copyfile(config, out / ".config")
    first = await floor.make(tree, out)
    if not floor.become(tree, patched):
        raise RuntimeError("base and patched do not differ")
    return first, await floor.make(tree, out)


async def ready_and_bare(a_plan: Plan, how: Accel, kernel: Kernel, pack: Image, times: int) -> tuple[float, float]:
    """Return the median seconds until a guest takes its first command, and of bare QEMU to init; taken in turns."""
    ready, bare = [], []
    for _ in range(times):
        bare.append(await floor.boot(kernel, a_plan.profile, a_plan.shape, how, pack))
        with tempfile.NamedTemporaryFile() as console:
            began = time.monotonic()
            guests = machine.boot(
                kernel,
                profile=a_plan.profile,
                shape=a_plan.shape,
                accel=how,
                image=pack,
                console=Path(console.name),
            )
            async with guests as guest:
                if not await guest.ready():
                    raise RuntimeError(str(await guest.end))
                await guest.shell.run("true")
                ready.append(time.monotonic() - began)
    return statistics.median(ready), statistics.median(bare)


@click.command()
@click.option("--seconds", default=10, show_default=True, help="of stress per workload and trial")
@click.option("--repeats", default=3, show_default=True, help="trials of each side, and boots for (c)")
@click.option("--warm-only", is_flag=True, help="leave out (a), (b) and (g), which build kernels from nothing")
@click.option("--reading-only", is_flag=True, help="only what reading consoles costs, in a minute")
@click.option("--catching-only", is_flag=True, help="only (e) and (f); an hour or more")
@click.option("--presubmit-only", is_flag=True, help="only (g), which builds two kernels from nothing first")
@click.option("--memory-only", is_flag=True, help="only what asking a full memory costs, in a minute")
@click.option("--site-only", is_flag=True, help="only what the site of 10,000 trials costs; minutes")
@click.option("--known-bad", multiple=True, metavar="NAME", help="of (f) only this one; repeatable")
@click.option("--logs", type=click.Path(exists=True, path_type=Path), default=GOLDEN, help="consoles to read")
def main(
    seconds: int,
    repeats: int,
    warm_only: bool,
    reading_only: bool,
    catching_only: bool,
    presubmit_only: bool,
    memory_only: bool,
    site_only: bool,
    known_bad: tuple[str, ...],
    logs: Path,
) -> None:
    """Measure, and print the ratios."""
    if catching_only:
        catch(seconds, repeats, known_bad)
        return
    if presubmit_only:
        presubmit.measure(say, repeats)
        return
    if memory_only:
        memory.measure(say)
        return
    if site_only:
        site.measure(say)
        return
    reading.measure(say, logs)
    if reading_only:
        return
    memory.measure(say)
    options = ("--seconds", str(seconds), "--repeats", str(repeats))
    if not warm_only:
        cold(options, repeats)
        presubmit.measure(say, repeats)
    warm(options, repeats)
    catch(seconds, repeats, known_bad)


def catch(seconds: int, repeats: int, known_bad: tuple[str, ...]) -> None:
    """Print (e) and (f): what the workloads are worth."""
    catching.updates(say, seconds, repeats)
    catching.caught(say, known_bad)


def cold(options: tuple[str, ...], repeats: int) -> None:
    """Print (a) and (b), in a cache of their own that holds the source and nothing else."""
    with tempfile.TemporaryDirectory(prefix="rig-bench-", dir=_roomy()) as name:
        os.environ["XDG_CACHE_HOME"] = name
        work = Path(name)
        tree = asyncio.run(import_source())
        plain = work / "plain-tree"
        plain.mkdir()
        asyncio.run(floor.copy(tree, plain))
        timed = compare(*options)
        kernels = [json.loads(path.read_text()) for path in cache.kernels().glob("*/kernel.json")]
        by_name = {kernel["name"]: kernel for kernel in kernels}
        config = next(cache.kernels().glob("*/config"))
        first, second = asyncio.run(bare_builds(plain, config, work, tree))
        boots = asyncio.run(bare_boots(repeats))
        guests = boots * len(timed.result["trials"]) + work_seconds(timed.result)
        least = first + second + guests / fitting()
        say("(a) cold compare / floor", timed.seconds / least, 1.10, f"{timed.seconds:.0f} s / {least:.0f} s")
        both = by_name["patched"]["seconds"], by_name["base"]["seconds"]
        say("(b) second build / first", both[0] / both[1], 0.20, f"{both[0]:.0f} s / {both[1]:.0f} s")
        del os.environ["XDG_CACHE_HOME"]


def _roomy() -> Path:
    place = paths.cache()
    place.mkdir(parents=True, exist_ok=True)
    return place


async def bare_boots(times: int) -> float:
    """Return the median seconds of bare QEMU to init."""
    a_plan, how, kernel, pack = await prepared()
    return statistics.median([await floor.boot(kernel, a_plan.profile, a_plan.shape, how, pack) for _ in range(times)])


async def prepared() -> tuple[Plan, Accel, Kernel, Image]:
    """Return what is needed to boot `patched`."""
    a_plan = plan.make("patched", None, overrides=Overrides())
    kernel = await build(a_plan.base, a_plan.profile, Silent())
    assert isinstance(kernel, Kernel)
    return a_plan, await accel.find("auto"), kernel, await image.build(Silent())


def warm(options: tuple[str, ...], repeats: int) -> None:
    """Print (c), (d) and the rig's memory, with everything built."""

    async def booted() -> tuple[float, float]:
        return await ready_and_bare(*await prepared(), repeats)

    ready, bare = asyncio.run(booted())
    say("(c) ready for a command / bare QEMU to init", ready / bare, 1.50, f"{ready:.1f} s / {bare:.1f} s")
    timed = compare(*options)
    least = guest_seconds(timed.result) / fitting()
    say("(d) warm compare / guests' time", timed.seconds / least, 1.15, f"{timed.seconds:.0f} s / {least:.0f} s")
    say("peak memory of the rig process, MB", timed.peak, 300, "QEMU not counted")


main()
