"""Our workloads beside the KVM selftests, in the same guests: slot updates a second, known-bad kernels caught."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median

from rig import cache, pipeline, plan, store
from rig.experiment import Overrides
from rig.kernel import known_bad, selftests
from rig.kernel.build import build
from rig.model import Finding, Kernel, KnownBad, Outcome, Run, Trial
from rig.progress import Silent
from rig.reports.sightings import uptime
from rig.selfcheck import GOOD, introduced
from rig.symptoms import failed

THEIRS = ("kselftest-kvm",)
STRESS = "memslot_modification_stress_test"
FEW, MANY = 50, 350  # slots added and deleted again; what the test takes besides cancels out
LIMIT = 60  # seconds of workload time
ASKED = 2 * LIMIT  # of the selftests, as the times in their table are generous: no test is left out that has time
BEYOND, MORE = 1.5, 1  # asked for less than 10 s, our workloads end after so many times that, and so many seconds more
_MARK = re.compile(rb"rig: (begin|end) ([\w.-]+)")  # of images/rig-run

Say = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A run, and the seconds from mark to mark of each workload that ended, by console and name.

    What the rig looks for afterwards, kmemleak's searches above all, is no time of the workload's.
    """

    run: Run
    lasted: dict[tuple[str, str], float]


async def run(patched: str | None, workloads: tuple[str, ...], seconds: int, before: tuple[Trial, ...] = ()) -> Timed:
    """Run a kernel once, with one guest; nothing of it is kept."""
    asked = Overrides(workloads=workloads, seconds=seconds, repeats=1, confirm=0, jobs=1)
    wanted = plan.make(GOOD, patched, overrides=asked)
    with cache.scratch() as root, store.draft(root) as draft:
        done = await pipeline.run(wanted, draft, Silent(), "bench", before=before)
        consoles = {name: dict(lasted(console)) for name, console in store.Consoles(draft.directory).items()}
    return Timed(
        run=done, lasted={(name, each): took for name, all_ in consoles.items() for each, took in all_.items()}
    )


def lasted(console: bytes) -> Iterator[tuple[str, float]]:
    """Yield how long each workload of a console took, by the guest's clock."""
    began = 0.0
    for line in console.splitlines():
        if (mark := _MARK.search(line)) and (at := uptime(line)) is not None:
            if mark[1] == b"begin":
                began = at
            else:
                yield mark[2].decode(), at - began


# ---- slot updates


def updates(say: Say, seconds: int, repeats: int) -> None:
    """Print how many slot updates a second memslot-churn does, over those of the kernel's own stress test."""
    pairs = [asyncio.run(_updates(seconds)) for _ in range(repeats)]
    how = ", ".join(f"{ours:.0f} / {theirs:.0f}" for ours, theirs in pairs) + " a second"
    ratio = median(
        ours / theirs for ours, theirs in pairs
    )  # of each boot, as hosts are busier at one time than at another
    say(f"(e) slot updates of memslot-churn / {STRESS}", ratio, 1.0, how, least=True)


async def _updates(seconds: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="rig-bench-") as name:
        program = await _stress_test()
        calls = {count: _copy(program, Path(name) / f"stress-{count}") for count in (FEW, MANY)}
        words = tuple(f"{path} -v 2 -b 8M -i {count}" for count, path in calls.items())
        done = await run(None, ("memslot-churn", *words), seconds)
    took = {workload: seconds for (_, workload), seconds in done.lasted.items()}
    ours = next(each.base[0] for each in done.run.comparison.metrics if each.name == "slot_updates_per_second")
    return ours, 2 * (MANY - FEW) / (took[f"stress-{MANY}"] - took[f"stress-{FEW}"])


async def _stress_test() -> Path:
    wanted = plan.make(GOOD, None, overrides=Overrides())
    kernel = await build(wanted.base, wanted.profile, Silent())
    assert isinstance(kernel, Kernel)
    built = await selftests.build(kernel, Silent())
    assert built
    return built.directory / STRESS


def _copy(program: Path, path: Path) -> Path:
    """Copy `program`, as a workload goes by the name of its file, however that is linked."""
    return Path(shutil.copy(program, path))


# ---- known-bad kernels


def caught(say: Say, names: tuple[str, ...]) -> None:
    """Print how many known-bad kernels our workloads show within a minute, over those that the selftests show."""
    kernels = [known for known in known_bad.every() if _comparable(known) and (not names or known.name in names)]
    totals = asyncio.run(_caught(kernels))
    how = f"{totals[0]} / {totals[1]} of {len(kernels)}, within {LIMIT} s of workload time each"
    say("(f) known-bad caught by our workloads / the selftests", totals[0] / max(totals[1], 1), 2.0, how, least=True)


def _comparable(known: KnownBad) -> bool:
    """Whether it takes a workload to show it, in the profile that users run."""
    return bool(known.workloads) and known.profile == "sanitize"


async def _caught(kernels: list[KnownBad]) -> tuple[int, int]:
    """Return how many each side caught, having printed when."""
    ours = tuple(plan.plan_file("default").workloads)
    share = int((LIMIT / len(ours) - MORE) / BEYOND)
    good = await run(None, ours, share), await run(None, THEIRS, ASKED)
    before = [each.run.trials for each in good]
    share = fitting(share, good[0])
    print(f"{'known-bad kernel':40} {'ours':>8} {'selftests':>10}   seconds of workload time; - is not within {LIMIT}")
    totals = [0, 0]
    for known in kernels:
        runs = await asyncio.gather(  # a guest each
            run(known.name, ours, share, before=before[0]), run(known.name, THEIRS, ASKED, before=before[1])
        )
        times = [first_sight(each) for each in runs]
        totals = [total + (when is not None) for total, when in zip(totals, times, strict=True)]
        print(f"{known.name:40} {_shown(times[0]):>8} {_shown(times[1]):>10}", flush=True)
    return totals[0], totals[1]


def fitting(share: int, timed: Timed) -> int:
    """Return as many seconds for each workload as fit in, having seen how long they took when asked for `share`."""
    return min(share, int(share * LIMIT / sum(timed.lasted.values())))


def _shown(when: float | None) -> str:
    return "-" if when is None else f"{when:.1f}"


def first_sight(timed: Timed) -> float | None:
    """Return after how many seconds of workload time the patched side first showed anything that base did not."""
    times = [when for finding in introduced(timed.run) for when in _times(finding, timed)]
    return min((when for when in times if when <= LIMIT), default=None)


def _times(finding: Finding, timed: Timed) -> Iterator[float]:
    """Yield when each workload had first shown a finding; what the rig finds after one shows at its end."""
    titles = {finding.title, *finding.alt_titles}
    reported = any(each.report.title in titles for trial in timed.run.trials for each in trial.sightings)
    spent = 0.0  # by the workloads before
    for trial in (trial for trial in timed.run.trials if trial.side == "patched"):
        for outcome in trial.outcomes:
            took = timed.lasted.get((trial.console, outcome.workload), outcome.seconds)
            seen = (each for each in trial.sightings if each.workload == outcome.workload)
            for each in (each for each in seen if each.report.title in titles):
                if each.at is not None and each.began is not None:
                    yield spent + min(each.at - each.began, took)
            if not reported and outcome.workload in finding.workload:
                yield spent + _case_ended(finding, outcome, took)
            spent += took


def _case_ended(finding: Finding, outcome: Outcome, took: float) -> float:
    """Return when the test that is a finding ended; `took`, when the workload did, for all other findings."""
    ended = accumulate(case.seconds for case in outcome.cases)
    named = (failed(outcome.workload, case.name) for case in outcome.cases)
    return next((when for name, when in zip(named, ended, strict=True) if name == finding.title), took)
