"""What a run's stages tell, as lines of a log. No I/O."""

from rig import expected
from rig.duration import clock
from rig.events import Boot, Detail, Doing, Event, Seen, TrialDone, TrialStarted, WorkloadDone, WorkloadStarted
from rig.model import End, Outcome, Trial
from rig.render.watch import counted
from rig.standing import Standing


def line(event: Event, standing: Standing, *, now: float, verbose: bool) -> str:
    """Return the line for `event`, which `standing` has taken in already; "" if it is worth none."""
    match event:
        case TrialStarted():
            told = f"booting {event.boot.kernel}" + (f" for {', '.join(event.workloads)}" if verbose else "")
        case Seen():
            told = "" if standing.passes_over(event.title) else f"{event.workload}: {event.title}"
        case TrialDone():
            told = f"{trial(event.trial)} ({_rest(standing, now)})"
        case WorkloadStarted() if verbose:
            told = f"{event.workload} begins, for at most {clock(event.limit)}"
        case WorkloadDone() if verbose:
            told = _outcome(event.outcome)
        case Detail():
            return event.text if verbose else ""
        case _:
            return ""
    return f"{_named(event.boot, standing)}: {told}" if told else ""


def trial(done: Trial) -> str:
    """Return one line about a finished trial."""
    nothing = "no workload ran" if done.planned or done.end is not End.FINISHED else "booted"
    outcomes = ", ".join(f"{outcome.workload} {outcome.status}" for outcome in done.outcomes) or nothing
    titles = "; ".join(dict.fromkeys(sighting.report.title for sighting in done.sightings))
    end = "" if done.end is End.FINISHED else f"; {done.end}: {done.end_reason}"
    return f"{outcomes}{end}" + (f"; reports: {titles}" if titles else "")


def doing(event: Doing, standing: Standing, now: float) -> str:
    """Return the line that says now and then how far a workload has got."""
    begun = (cell.began for row in standing.rows if row.boot == event.boot for cell in row.cells)
    began = max((time for time in begun if time is not None), default=now)
    return f"{_named(event.boot, standing)}: {event.workload}, {clock(now - began)}: {event.text}"


def _named(boot: Boot, standing: Standing) -> str:
    return f"{standing.name(boot)} {boot.index}"


def _rest(standing: Standing, now: float) -> str:
    left = expected.left(standing, now)
    about = f"about {clock(left)} left" if left else ""
    return ", ".join(part for part in (counted(standing), clock(now - standing.began), about) if part)


def _outcome(outcome: Outcome) -> str:
    counts = f"{outcome.iterations} iterations, {outcome.l2_entries} l2 entries"
    why = f": {outcome.reason}" if outcome.reason else ""
    return f"{outcome.workload} {outcome.status} in {clock(outcome.seconds)}, {counts}{why}"
