"""A book of nights that shows everything a site can, and one whose every text is hostile."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from rig.memory.values import (
    Cell,
    ChangePoint,
    Duty,
    Health,
    Job,
    Measure,
    Night,
    Observation,
    Point,
    Record,
    Regression,
    Tip,
    Trend,
    Where,
)
from rig.model import MetricKind, Status
from rig.render.site.book import Book, Chapter, Known
from tests.render.made_up import KASAN, SPLAT, WARNING

FIRST = date(2026, 1, 5)
KERNELS = {"mainline": "v6.1.192", "kvm-next": "v6.1.192"}
PLACES = tuple(
    Where(kernel=kernel, profile=profile, shape=shape)
    for kernel in KERNELS
    for profile, shape in (
        ("sanitize", "default"),
        ("sanitize", "4 vCPUs"),
        ("sanitize", "tdp_mmu off"),
        ("leak", "default"),
        ("perf", "default"),
    )
)
WORKLOADS = ("boot", "error-paths", "memslot-churn", "root-churn", "vm-teardown")
METRICS = ("exits per iteration", "pf_fixed", "mmu_shadow_zapped", "slot updates", "time per VM", "entries", "faults")


# What a memory refuses to keep anything else in.
KEPT = {"night", "began", "ended", "deadline", "state", "kind", "standing", "reports", "known"} | {
    "opened",
    "first_seen",
    "last_seen",
    "closed",
    "quarantined",
}


def night_id(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def commit(kernel: str, number: int) -> str:
    return f"{Random(f'{kernel} {number // 2}').getrandbits(160):040x}"


def run_id(number: int, job: int) -> str:
    return f"{night_id(number).replace('-', '')}-2{job % 4}{job:02}00-{Random(number * 100 + job).getrandbits(16):04x}"


def book(nights: int = 30, metrics: tuple[str, ...] = METRICS) -> Book:
    chapters = tuple(_chapter(number, nights) for number in reversed(range(nights)))
    return Book(
        chapters=chapters,
        regressions=tuple(_regressions(nights)),
        known={4: Known(reason="waits for a fix upstream", link="https://example.org/4", expires="2026-03-01")},
        trends=tuple(
            _trend(where, workload, name, nights) for where in PLACES for workload in WORKLOADS[1:] for name in metrics
        ),
        healths=_healths(nights),
        records=tuple(_records(nights)),
        duties=tuple(_duty(number) for number in range(nights)),
        reports=frozenset(job.run for chapter in chapters[:20] for job in chapter.jobs if job.run),
    )


def _chapter(number: int, nights: int) -> Chapter:
    last = number == nights - 1
    night = Night(
        id=night_id(number),
        began=f"{night_id(number)}T21:00:00+00:00",
        ended=f"{night_id(number + 1)}T05:12:00+00:00",
        deadline=f"{night_id(number + 1)}T06:00:00+00:00",
        host="lab-1",
        state="cut short" if number == nights - 4 else "finished",
        notes=("stable could not be fetched: its tip of 2 Feb was tried again",) if last else (),
    )
    jobs = tuple(_job(number, at, where) for at, where in enumerate(PLACES, 1))
    jobs += (_search(number, len(PLACES) + 1),) if last else ()
    tips = tuple(
        Tip(
            night=night.id,
            kernel=kernel,
            commit=commit(kernel, number),
            subject=f"KVM: x86/mmu: Do not {('zap', 'count', 'yield')[number // 2 % 3]} what is gone",
            base=base,
            base_commit=commit("base", 0),
        )
        for kernel, base in KERNELS.items()
    )
    return Chapter(night=night, tips=tips, jobs=jobs, cells=tuple(_cells(number, jobs)))


def _job(number: int, at: int, where: Where) -> Job:
    undone = at == len(PLACES) and number % 3 == 2
    return Job(
        night=night_id(number),
        number=at,
        kind="stress",
        where=where,
        workloads=WORKLOADS[1:],
        expected=1200 + 130.0 * at,
        taken=None if undone else 1150 + 141.0 * at + 10 * (number % 7),
        state="left out" if undone else "done",
        run="" if undone else run_id(number, at),
        why="no time was left: 28 min needed, 12 min to the deadline" if undone else "",
    )


def _search(number: int, at: int) -> Job:
    return Job(
        night=night_id(number),
        number=at,
        kind="bisect",
        where=PLACES[0],
        workloads=("memslot-churn",),
        expected=3000,
        state="failed",
        why="the night was over before it was sure; 62% for the likeliest commit",
        title=KASAN,
    )


def _cells(number: int, jobs: tuple[Job, ...]) -> Iterator[Cell]:
    for job in jobs:
        for workload in WORKLOADS if job.state == "done" else ():
            yield _cell(number, job, workload)


def _cell(number: int, job: Job, workload: str) -> Cell:
    broken = job.where.kernel == "mainline" and workload == "memslot-churn" and number >= 26
    known = job.where.profile == "leak" and workload == "error-paths"
    status = (
        Status.FAIL
        if broken
        else Status.SKIP
        if job.where.shape == "tdp_mmu off" and workload == "root-churn"
        else Status.PASS
    )
    titles = (KASAN,) if broken else ("memory leak in kvm_vm_ioctl",) if known else ()
    return Cell(where=job.where, workload=workload, statuses=((status, 3),), findings=titles, runs=(job.run,))


def _regressions(nights: int) -> Iterator[Regression]:
    last = nights - 1
    yield regression(1, KASAN, max(last - 3, 0), nights, culprit="4f1c2ab KVM: x86/mmu: Free roots early", odds=0.987)
    yield regression(2, "WARNING in kvm_mmu_uninit_tdp_mmu", last, nights, rate=1, standing="suspected")
    yield regression(3, "possible deadlock in kvm_mmu_zap_all_fast", last, nights, first=4, gone=12)
    yield regression(4, "memory leak in kvm_vm_ioctl", 0, nights, standing="old", rate=1)
    yield regression(5, "INFO: rcu detected stall in kvm_vcpu_ioctl", 8, nights, closed=last, rate=2)
    yield regression(6, "general protection fault in kvm_put_kvm", 2, nights, closed=6)


def regression(
    number: int,
    title: str = KASAN,
    opened: int = 0,
    nights: int = 30,
    *,
    first: int | None = None,
    gone: int = 0,
    closed: int | None = None,
    rate: int = 3,
    **given: Any,
) -> Regression:
    """One that is seen in `rate` of 6 trials each night from `opened` on, and from `first` till `gone`."""
    begin = opened if first is None else first
    end = nights if closed is None else closed
    there = [at for at in range(nights) if opened <= at < end or begin <= at < gone]
    observations = tuple(
        Observation(
            night=night_id(at),
            commit=commit("mainline", at),
            hits=rate if at in there else 0,
            trials=6,
            runs=(run_id(at, 1),) if at in there else (),
        )
        for at in range(max(begin - 3, 0), nights)
        if at % 9 != 5
    )
    defaults: dict[str, Any] = {
        "kernel": "mainline",
        "type": "KASAN",
        "standing": "confirmed",
        "profiles": ("sanitize",),
        "shapes": ("default", "4 vCPUs"),
        "workloads": ("memslot-churn",),
        "good": commit("mainline", opened - 2),
        "bad": commit("mainline", opened),
        "run": run_id(opened, 1),
        "console": "console-patched-2.log",
        "offset": 81234,
        "example": SPLAT if title == KASAN else WARNING,
    }
    return Regression(
        number=number,
        title=title,
        open=closed is None,
        opened=night_id(opened),
        first_seen=night_id(begin),
        last_seen=night_id(max(there, default=begin)),
        closed="" if closed is None else night_id(closed),
        observations=observations,
        **{**defaults, **given},
    )


def _trend(where: Where, workload: str, name: str, nights: int) -> Trend:
    chance = Random(f"{where} {workload} {name}")
    steps = name == METRICS[0] and where.kernel == "mainline" and workload == WORKLOADS[2]
    at = nights - 1 if where.profile == "perf" else 17
    exact = name == "pf_fixed"
    kind = MetricKind.EXACT if exact else MetricKind.RATIO
    unit = "1" if exact else "1/iteration" if steps else "us"
    level = chance.uniform(5, 5000)
    points = tuple(
        Point(
            night=night_id(number),
            commit=commit(where.kernel, number),
            values=tuple(
                round(
                    (level * (1.18 if steps and number >= at else 1) * (1 if exact else chance.gauss(1, 0.02))),
                    0 if exact else 3,
                )
                for _ in range(3)
            ),
        )
        for number in range(nights)
    )
    change = ChangePoint(
        night=night_id(at),
        before=round(level, 2),
        after=round(level * 1.18, 2),
        p_value=0.0004,
        good=commit(where.kernel, at - 2),
        bad=commit(where.kernel, at),
    )
    measure = Measure(where=where, workload=workload, name=name, unit=unit, kind=kind)
    return Trend(measure=measure, points=points, changes=(change,) if steps and nights > 17 else ())


def _healths(nights: int) -> tuple[Health, ...]:
    why = "passed and failed on one tree in 4 of 14 nights"
    back = "comes back after 10 outcomes in a row that agree; 3 so far"
    bad = Health(
        workload="vm-teardown", profile="leak", flaky=0.21, quarantined=night_id(nights - 5), why=why, returns=back
    )
    return (bad, *(Health(workload=workload, profile="sanitize", flaky=0.0) for workload in WORKLOADS[1:]))


def _records(nights: int) -> Iterator[Record]:
    for number in range(max(0, nights - 14), nights):
        for where in PLACES:
            for workload in WORKLOADS[1:]:
                flaky = (workload, where.profile) == ("vm-teardown", "leak") and number % 3 == 0
                yield Record(
                    night=night_id(number),
                    where=where,
                    workload=workload,
                    tree=commit("tree", number),
                    passed=2 if flaky else 3,
                    failed=int(flaky),
                    other=0,
                )


def _duty(number: int) -> Duty:
    chance = Random(number)
    return Duty(
        night=night_id(number),
        host="lab-1",
        trials=160 + chance.randrange(20),
        boot_seconds=round(chance.gauss(14, 0.6) + (2 if number > 20 else 0), 2),
        trial_seconds=chance.gauss(21000, 900),
        build_seconds=chance.gauss(3800, 500),
    )


def hostile(text: str) -> Book:
    """Return a book with every text that others have a say in replaced by `text`."""
    made: Book = _hostile(text, book(4))
    return replace(made, known={number: Known(reason=text, link=text) for number in range(1, 7)})


def _hostile(text: str, given: Any) -> Any:
    if is_dataclass(given) and not isinstance(given, type):
        changed = {
            each.name: _hostile(text, getattr(given, each.name)) for each in fields(given) if each.name not in KEPT
        }
        return replace(given, **changed)
    if isinstance(given, tuple):
        return tuple(_hostile(text, each) for each in given)
    return text if given and type(given) is str else given
