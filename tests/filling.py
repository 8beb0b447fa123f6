"""A memory of made-up nights: tips that move, a bug that comes and goes, a counter that steps, a flaky workload."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from rig.memory import metrics, nights, regressions, runs
from rig.memory.values import ChangePoint, Job, Measure, Night, Observation, Regression, Tip, Trend, Where
from rig.model import (
    Comparison,
    Count,
    End,
    Finding,
    FindingStatus,
    Metric,
    MetricKind,
    Outcome,
    Run,
    Settings,
    Stage,
    Status,
    Trial,
    Verdict,
)
from tests import values

KERNELS = ("mainline", "next", "stable")
PLACES = tuple(
    Where(kernel=kernel, profile=profile, shape=shape)
    for kernel in KERNELS
    for profile, shape in (("sanitize", "default"), ("sanitize", "4 vCPUs"), ("race", "default"), ("perf", "default"))
)
WORKLOADS = ("memslot-churn", "vm-teardown", "root-churn", "error-paths", "kselftest-kvm")
METRICS = 20  # of a workload
KINDS = (MetricKind.EXACT, MetricKind.EXACT, MetricKind.COUNT, MetricKind.RATE, MetricKind.TIME)
BUG = "KASAN: slab-use-after-free Read in kvm_tdp_mmu_put_root"
OLD = "possible deadlock in kvm_arch_destroy_vm"  # which the release shows too
FLAKY = "error-paths failed"
BEGAN = datetime(2026, 1, 1, 22, tzinfo=UTC)
SETTINGS = Settings(workloads=WORKLOADS, seconds=10, repeats=3, confirm=6, confidence=0.95, budget=None)


@dataclass(slots=True, kw_only=True)
class Story:
    """What goes on, and what has come of it."""

    chance: random.Random
    nights: int
    ids: list[str] = field(default_factory=list)
    tips: dict[str, list[Tip]] = field(default_factory=dict)  # by kernel, one a night
    seen: dict[tuple[str, str], list[Observation]] = field(default_factory=dict)  # by kernel and title
    first: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)  # likewise: run, console

    def buggy(self, kernel: str, number: int) -> bool:
        """Whether the bug is in a kernel that night: it comes after a third of the nights and is fixed, but in one."""
        came, went = self.nights // 3, self.nights * 3 // 4
        return kernel != "stable" and came <= number and (kernel == "next" or number < went)

    def slower(self, kernel: str, number: int) -> bool:
        """Whether the counters of a kernel have stepped by that night."""
        return kernel == "mainline" and number >= self.nights // 2


def fill(session: Session, nights: int, trials_per_night: int, seed: int = 1) -> None:
    """Keep `nights` nights of about that many trials each, the same ones for the same seed."""
    story = Story(chance=random.Random(seed), nights=nights)
    for number in range(nights):
        _night(session, story, number, trials_per_night)
    for kernel, title in story.seen:
        regressions.save(session, _regression(story, kernel, title))
    _changes(session, story)


def _night(s: Session, story: Story, number: int, trials: int) -> None:
    began = BEGAN + timedelta(days=number)
    night = Night(
        id=f"{began:%Y-%m-%d}",
        began=began.isoformat(),
        ended=(began + timedelta(hours=7)).isoformat(),
        deadline=(began + timedelta(hours=8)).isoformat(),
        host="lab1",
        state="cut short" if number % 17 == 5 else "finished",
        notes=("next: could not be fetched",) if number % 13 == 7 else (),
    )
    nights.save_night(s, night)
    nights.save_note(s, "told", night.id)
    story.ids.append(night.id)
    for kernel in KERNELS:
        nights.save_tip(s, _tip(story, kernel, number))
    each = max(1, trials // len(PLACES))
    for place, where in enumerate(PLACES, 1):
        made = _run(story, where, number, place, each)
        runs.take(s, made, f"/runs/{made.id}", night=night.id, where=where)
        nights.save_job(s, _job(night.id, place, where, made))
        _observe(story, where, made, number)


def _tip(story: Story, kernel: str, number: int) -> Tip:
    """Return a kernel's tip that night, two times in three another than the night before."""
    before = story.tips.setdefault(kernel, [])
    turns = (story.nights // 3, story.nights // 2, story.nights * 3 // 4)  # when something comes, steps or goes
    if before and number not in turns and story.chance.random() < 1 / 3:
        tip = replace(before[-1], night=story.ids[number])
    else:
        tip = Tip(
            night=story.ids[number],
            kernel=kernel,
            commit=f"{story.chance.getrandbits(160):040x}",
            subject=f"KVM: x86/mmu: Do thing {number} in {kernel}",
            base="v6.1",
            base_commit="c" * 40,
            tree=f"{story.chance.getrandbits(160):040x}",
        )
    before.append(tip)
    return tip


def _job(night: str, number: int, where: Where, run: Run) -> Job:
    out = number % 11 == 0
    return Job(
        night=night,
        number=number,
        kind="stress",
        where=where,
        workloads=WORKLOADS,
        expected=run.seconds * 1.1,
        taken=None if out else run.seconds,
        state="left out" if out else "done",
        run="" if out else run.id,
        why="there was no time" if out else "every night",
    )


# ---- runs


def _run(story: Story, where: Where, number: int, place: int, trials: int) -> Run:
    began = BEGAN + timedelta(days=number, minutes=30 * (place - 1))
    name = f"{began:%Y%m%d-%H%M%S}-{place:04x}"
    tip = story.tips[where.kernel][number]
    own = tuple(_trial(story, where, number, index) for index in range(1, trials + 1))
    base = tuple(_base(story, where, index, "" if number == 0 else "20260101-220000-0001") for index in (1, 2, 3))
    found = tuple(_findings(where, (*base, *own)))
    new = any(finding.status is FindingStatus.NEW for finding in found)
    return values.run(
        id=name,
        began=began.isoformat(),
        seconds=100.0 * trials,
        command=f"rig compare v6.1 {where.kernel} --profile {where.profile}",
        base=values.kernel("v6.1", profile=where.profile, digest=f"base-{where.profile}", tree="a" * 40, seconds=400.0),
        patched=values.kernel(
            where.kernel, profile=where.profile, digest=f"{tip.tree}-{where.profile}", tree=tip.tree, seconds=41.5
        ),
        trials=(*base, *own),
        comparison=Comparison(verdict=Verdict.REGRESSION if new else Verdict.CLEAN, findings=found, metrics=()),
        environment=replace(values.ENVIRONMENT, profile=where.profile, host="lab1", patched_tree=tip.tree),
        settings=SETTINGS,
        stages=(Stage(what=f"build {where.kernel}", began=0.0, seconds=41.5),),
    )


def _base(story: Story, where: Where, index: int, run: str) -> Trial:
    made = _trial(story, replace(where, kernel="stable"), 0, index)
    return replace(made, side="base", kernel="v6.1", run=run, console=f"console-base-{index}.log")


def _trial(story: Story, where: Where, number: int, index: int) -> Trial:
    chance = story.chance
    shows = []
    if where.profile == "sanitize" and story.buggy(where.kernel, number) and chance.random() < 0.6:
        shows.append(("root-churn", values.report(BUG, type="KASAN")))
    if where.profile == "sanitize" and chance.random() < 0.05:
        shows.append(("vm-teardown", values.report(OLD, type="LOCKDEP")))
    slower = story.slower(where.kernel, number)
    outcomes = tuple(_outcome(chance, workload, slower=slower) for workload in WORKLOADS)
    return values.trial(
        "patched",
        *shows,
        index=index,
        kernel=where.kernel,
        outcomes=outcomes,
        planned=WORKLOADS,
        end=End.FINISHED,
        ready_seconds=round(chance.gauss(12, 1), 2),
        seconds=round(chance.gauss(100, 5), 2),
    )


def _outcome(chance: random.Random, workload: str, *, slower: bool) -> Outcome:
    flaky = workload == "error-paths" and chance.random() < 0.15
    return values.outcome(
        workload,
        Status.FAIL if flaky else Status.PASS,
        reason="it took too long" if flaky else "",
        seconds=round(chance.gauss(17, 1), 2),
        metrics=tuple(_metric(chance, number, slower=slower) for number in range(METRICS)),
    )


def _metric(chance: random.Random, number: int, *, slower: bool) -> Metric:
    kind = KINDS[number % len(KINDS)]
    level = 100.0 * (number + 1) * (1.3 if slower and number in (0, 3) else 1.0)
    value = level if kind is MetricKind.EXACT else round(chance.gauss(level, level / 50), 3)
    unit = "1/s" if kind is MetricKind.RATE else "s" if kind is MetricKind.TIME else "1"
    return Metric(name=f"metric_{number:02}", value=value, unit=unit, kind=kind)


def _findings(where: Where, trials: tuple[Trial, ...]) -> Iterator[Finding]:
    for title, workload, status in (
        (BUG, "root-churn", FindingStatus.NEW),
        (OLD, "vm-teardown", FindingStatus.BOTH),
        (FLAKY, "error-paths", FindingStatus.INCONCLUSIVE),
    ):
        base, own = (_count([each for each in trials if each.side == side], title) for side in ("base", "patched"))
        if base.hits or own.hits:
            yield values.finding(
                title, status, workload=workload, profile=where.profile, base=base, patched=own, type=title[:5]
            )


def _count(trials: list[Trial], title: str) -> Count:
    return Count(hits=sum(title in _shown(trial) for trial in trials), trials=len(trials))


def _shown(trial: Trial) -> set[str]:
    failed = {f"{outcome.workload} failed" for outcome in trial.outcomes if outcome.status.failed}
    return failed | {sighting.report.title for sighting in trial.sightings}


# ---- what nights add up to


def _observe(story: Story, where: Where, run: Run, number: int) -> None:
    """Add what a run showed of a kernel, and of what it once showed and does not now, to that night's observation."""
    kernel = where.kernel
    found = {finding.title: finding for finding in run.comparison.findings if finding.patched.hits}
    able = (FLAKY,) if where.profile != "sanitize" else (FLAKY, BUG, OLD)
    for title in sorted({*found, *(title for name, title in story.seen if name == kernel and title in able)}):
        hits = found[title].patched.hits if title in found else 0
        trials = sum(trial.side == "patched" for trial in run.trials)
        known = story.seen.setdefault((kernel, title), [])
        story.first.setdefault((kernel, title), (run.id, "console-patched-1.log"))
        commit = story.tips[kernel][number].commit
        shown: tuple[str, ...] = (run.id,) if hits else ()
        if known and known[-1].night == story.ids[number]:
            last = known.pop()
            hits, trials, shown = hits + last.hits, trials + last.trials, last.runs + shown
        known.append(Observation(night=story.ids[number], commit=commit, hits=hits, trials=trials, runs=shown))


def _regression(story: Story, kernel: str, title: str) -> Regression:
    seen = story.seen[kernel, title]
    hit = [each for each in seen if each.hits]
    gone = len(seen) - 1 - seen.index(hit[-1]) > 5
    before = [tip for tip in story.tips[kernel] if tip.night < hit[0].night]
    run, console = story.first[kernel, title]
    return Regression(
        number=0,
        kernel=kernel,
        title=title,
        type=title.partition(":")[0] if title == BUG else "LOCKDEP",
        standing="confirmed" if title == BUG else "old" if title == OLD else "suspected",
        open=not gone,
        profiles=("sanitize",) if title != FLAKY else ("perf", "race", "sanitize"),
        shapes=("default", "4 vCPUs"),
        workloads=("root-churn",) if title == BUG else ("vm-teardown",) if title == OLD else ("error-paths",),
        opened=hit[0].night,
        first_seen=hit[0].night,
        last_seen=hit[-1].night,
        closed=seen[seen.index(hit[-1]) + 5].night if gone else "",
        good=before[-1].commit if before and title == BUG else "",
        bad=hit[0].commit,
        culprit=f"{hit[0].commit[:7]} KVM: x86/mmu: Free roots early" if title == BUG else "",
        odds=0.97 if title == BUG else None,
        run=run,
        console=console,
        offset=4096,
        example=f"{title}\nCall Trace:\n kvm_tdp_mmu_put_root+0x1/0x2",
        observations=tuple(seen),
    )


def _changes(s: Session, story: Story) -> None:
    """Keep the steps that the story has in two metrics of each workload."""
    step = story.nights // 2
    if not step:
        return
    good, bad = (story.tips["mainline"][number].commit for number in (step - 1, step))
    for workload in WORKLOADS[:3]:
        for number in (0, 3):
            level = 100.0 * (number + 1)
            exact = KINDS[number % len(KINDS)] is MetricKind.EXACT
            where = Where(kernel="mainline", profile="perf", shape="default")
            measured = _metric(story.chance, number, slower=False)
            point = ChangePoint(
                night=story.ids[step],
                before=level,
                after=level * 1.3,
                p_value=None if exact else 0.0004,
                good=good,
                bad=bad,
            )
            measure = Measure(
                where=where, workload=workload, name=measured.name, unit=measured.unit, kind=measured.kind
            )
            metrics.save_changes(s, Trend(measure=measure, points=(), changes=(point,)))
