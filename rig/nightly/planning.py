"""What of the matrix fits into a night, by its worth and by how long the like of it took. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rig import duration
from rig.memory.values import Durations, Job, Where
from rig.model import Building
from rig.nightly.matrix import Place, staleness
from rig.schedule import BESIDE, BOOT, FIRST_BUILD, NEXT_BUILD

MOST_STALE = 7  # nights; from then on it is no more urgent


@dataclass(frozen=True, slots=True, kw_only=True)
class Tonight:
    """What the plan of a night goes by."""

    night: str
    seconds: float  # until it has to be over, without what is kept for searches
    stress: int  # seconds asked of each workload
    repeats: int
    durations: Durations
    building: Mapping[tuple[str, str], tuple[Building, Building]]  # of kernel's base and tip, by kernel and profile
    last: Mapping[tuple[Where, str], str]  # the night each workload last ran at a place
    nights: tuple[str, ...]  # those before, the newest first
    lent: frozenset[Where] = frozenset()  # places whose base need not run again
    jobs_at_once: int = 1  # guests


@dataclass(slots=True, kw_only=True)
class _Filling:
    """How full the night is."""

    left: float
    built: set[tuple[str, str]] = field(default_factory=set)  # kernels and profiles


def plan(places: tuple[Place, ...], tonight: Tonight) -> tuple[Job, ...]:
    """Return the jobs of the night in their order: the worthiest first, those that don't fit last and marked."""
    filling = _Filling(left=tonight.seconds)
    ranked = sorted(places, key=lambda place: -worth(place, tonight))
    jobs = [_job(place, tonight, filling) for place in ranked]
    jobs.sort(key=lambda job: job.state == "left out")
    return tuple(replace(job, number=number) for number, job in enumerate(jobs, start=1))


def worth(place: Place, tonight: Tonight) -> float:
    """Return what a place is worth tonight: its weight, times the nights that each of its workloads has waited."""
    return place.weight * sum(weight * (1 + _waited(place, name, tonight)) for name, weight in place.workloads)


def _waited(place: Place, workload: str, tonight: Tonight) -> int:
    return min(MOST_STALE, staleness(place, workload, tonight.last, tonight.nights))


def _job(place: Place, tonight: Tonight, filling: _Filling) -> Job:
    """Return a place as a job, with as many of its workloads as fit."""
    key = place.where.kernel, place.where.profile
    names = [name for name, _ in _by_worth(place, tonight)]
    build = 0.0 if key in filling.built else _build(key, tonight)
    wanted = build + _trials(place, tuple(names), tonight)
    dropped: list[str] = []
    while names and build + _trials(place, tuple(names), tonight) > filling.left:
        dropped.append(names.pop())
    if not names:
        why = f"would take {duration.clock(wanted)}, {duration.clock(max(0.0, filling.left))} are left"
        return _made(place, tuple(name for name, _ in place.workloads), wanted, tonight, why=why, left_out=True)
    expected = build + _trials(place, tuple(names), tonight)
    filling.left -= expected
    filling.built.add(key)
    return _made(place, tuple(names), expected, tonight, why=_why(place, dropped, tonight))


def _by_worth(place: Place, tonight: Tonight) -> list[tuple[str, float]]:
    return sorted(place.workloads, key=lambda item: -item[1] * (1 + _waited(place, item[0], tonight)))


def _why(place: Place, dropped: list[str], tonight: Tonight) -> str:
    waited = max(staleness(place, name, tonight.last, tonight.nights) for name, _ in place.workloads)
    never = waited == len(tonight.nights)
    since = "never ran" if never else "ran last night" if not waited else f"waited for {waited} nights"
    return f"weight {place.weight:g}, {since}" + (f"; no time for {', '.join(dropped)}" if dropped else "")


def _made(
    place: Place, names: tuple[str, ...], expected: float, tonight: Tonight, *, why: str, left_out: bool = False
) -> Job:
    return Job(
        night=tonight.night,
        number=0,
        kind="stress",
        where=place.where,
        workloads=names,
        expected=round(expected, 1),
        state="left out" if left_out else "planned",
        why=why,
    )


def _build(key: tuple[str, str], tonight: Tonight) -> float:
    """Return the seconds that both kernels of a place take to be made; a build tree is begun once."""
    base, tip = tonight.building.get(key, ("first", "next"))
    first = tonight.durations.first_build.get(key[1], FIRST_BUILD)
    more = tonight.durations.next_build.get(key[1], NEXT_BUILD)
    cost: dict[Building, float] = {"there": 0.0, "next": more, "first": first}
    return cost[base] + cost["next" if base == tip == "first" else tip]


def _trials(place: Place, names: tuple[str, ...], tonight: Tonight) -> float:
    """Return the seconds of a place's trials, of base and of the tip side by side where there is room."""
    profile = place.where.profile
    lasted = (tonight.durations.workloads.get((profile, name), tonight.stress + BESIDE) for name in names)
    one = tonight.durations.boot.get(profile, BOOT) + sum(lasted)
    trials = tonight.repeats * (1 if place.where in tonight.lent else 2)
    return one * -(-trials // max(1, tonight.jobs_at_once))
