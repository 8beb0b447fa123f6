"""What is remembered of a finding, a metric or a kernel, as a terminal shows it. No I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from pydantic import TypeAdapter
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rig.memory.values import ChangePoint, Observation, Regression, Tip, Trend, Where
from rig.model import Finding
from rig.render import wording
from rig.render.escape import printable
from rig.suspects import percent

WHOLE = 3  # metrics whose nights are shown; of more, a line each
SHORT = 12  # of a commit's hash
COLOURS = {"confirmed": "red", "suspected": "yellow", "old": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel of the nightly plan: its tips, the newest first, and its regressions."""

    name: str
    tips: tuple[Tip, ...]
    regressions: tuple[Regression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding of a run of no night."""

    run: str
    where: Where
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that fits what was asked for."""

    regressions: tuple[Regression, ...] = ()
    metrics: tuple[Trend, ...] = ()
    kernels: tuple[Kernel, ...] = ()
    others: tuple[Found, ...] = ()  # of runs of no night

    def __bool__(self) -> bool:
        """Whether anything fits."""
        return bool(self.regressions or self.metrics or self.kernels or self.others)


def document(history: History) -> str:
    """Return a history as JSON."""
    return TypeAdapter(History).dump_json(history, indent=2).decode()


def screen(history: History, nights: int) -> Group:
    """Return a history of the last `nights` for a terminal."""
    return Group(*_screen(history, nights))


def _screen(history: History, nights: int) -> Iterator[RenderableType]:
    for regression in history.regressions:
        yield from _regression(regression, nights)
    if len(history.metrics) > WHOLE:
        yield _overview(history.metrics)
        yield Text("`rig history WORKLOAD/METRIC --kernel NAME` shows the nights of one", style="dim")
    else:
        for trend in history.metrics:
            yield from _trend(trend)
    for kernel in history.kernels:
        yield from _kernel(kernel)
    if history.others:
        yield Text("in runs of no night", style="bold")
        yield _others(history.others)


# ---- regressions


def _regression(regression: Regression, nights: int) -> Iterator[RenderableType]:
    title = Text(f"#{regression.number} {printable(regression.title)}", style="bold")
    yield title.append(f" in {printable(regression.kernel)}", style="not bold")
    state = f"open since {regression.opened}" if regression.open else f"closed {regression.closed}"
    since = f", first seen {regression.first_seen}" if regression.first_seen != regression.opened else ""
    told = Text(f"  {state}{since}, last seen {regression.last_seen}; ")
    yield told.append(regression.standing, style=COLOURS[regression.standing])
    for line in _facts(regression):
        yield Text(f"  {printable(line)}")
    yield _observations(regression.observations[-nights:])
    yield Text()


def _facts(regression: Regression) -> Iterator[str]:
    under = (regression.profiles, regression.shapes, regression.workloads)
    yield f"seen under {'; '.join(', '.join(each) for each in under)}"
    if regression.alt_titles:
        yield f"also called {', '.join(regression.alt_titles)}"
    if regression.good and regression.bad:
        yield f"range {_short(regression.good)}..{_short(regression.bad)}"
    if regression.culprit:
        odds = f" ({percent(regression.odds)} sure)" if regression.odds is not None else ""
        yield f"brought in by {regression.culprit}{odds}"
    if regression.run:
        yield f"see `rig show {regression.run}`" + (f", {regression.console}" if regression.console else "")


def _observations(observations: Iterable[Observation]) -> Table:
    table = _table("night", "commit", "seen in", "rate", "runs")
    for each in observations:
        rate = f"{each.hits / each.trials:.0%}" if each.trials else ""
        seen = Text(f"{each.hits}/{each.trials}", style="red" if each.hits else "")
        table.add_row(each.night, _short(each.commit), seen, rate, ", ".join(each.runs))
    return table


# ---- metrics


def _trend(trend: Trend) -> Iterator[RenderableType]:
    yield Text(_named(trend), style="bold")
    steps = {change.night: change for change in trend.changes}
    table = _table("night", "commit", trend.measure.unit, "of trials", "change")
    for point in trend.points:
        step = steps.get(point.night)
        marked = Text(_step(step) if step else "", style="yellow")
        values = (wording.span(point.values), str(len(point.values)))
        table.add_row(point.night, _short(point.commit), *map(printable, values), marked)
    yield table
    yield Text()


def _overview(trends: Iterable[Trend]) -> Table:
    table = _table("metric", "nights", "first", "last", "unit", "changes")
    for trend in trends:
        first, last = (f"{median(trend.points[at].values):.5g}" for at in (0, -1))
        steps = "; ".join(f"{step.night}: {_step(step)}" for step in trend.changes)
        nights = str(len(trend.points))
        table.add_row(
            Text(_named(trend)), nights, first, last, printable(trend.measure.unit), Text(steps, style="yellow")
        )
    return table


def _named(trend: Trend) -> str:
    measure = trend.measure
    return printable(f"{measure.workload}/{measure.name} of {_placed(measure.where)}")


def _step(step: ChangePoint) -> str:
    """Return a step as how much it is and between which commits."""
    size = f"{step.before:.5g} to {step.after:.5g}" + (f" ({step.change:+.1%})" if step.change is not None else "")
    sure = f", p = {step.p_value:.2g}" if step.p_value is not None else ""
    between = f", {_short(step.good)}..{_short(step.bad)}" if step.good and step.bad else ""
    return size + sure + between


# ---- kernels, and what is of no night


def _kernel(kernel: Kernel) -> Iterator[RenderableType]:
    yield Text(printable(kernel.name), style="bold")
    table = _table("night", "commit", "subject", "against", "seen")
    for tip in reversed(kernel.tips):
        seen = [told for regression in kernel.regressions for told in _seen(regression, tip.night)]
        row = (_short(tip.commit), printable(tip.subject), printable(tip.base))
        table.add_row(tip.night, *map(Text, row), Text("\n".join(seen)))
    yield table
    yield Text()


def _seen(regression: Regression, night: str) -> Iterator[str]:
    for each in regression.observations:
        if each.night == night and each.hits:
            new = "new: " if night == regression.opened and regression.standing != "old" else ""
            yield printable(f"{new}{regression.title} ({each.hits}/{each.trials})")
    if regression.closed == night:
        yield printable(f"gone: {regression.title}")


def _others(others: Iterable[Found]) -> Table:
    table = _table("run", "kernel", "status", "finding", "seen in")
    for each in others:
        finding = each.finding
        row = (each.run, _placed(each.where), finding.status.value, finding.title, finding.explanation)
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def _placed(where: Where) -> str:
    return f"{where.kernel}, {where.profile}, {where.shape}"


def _short(commit: str) -> str:
    return printable(commit[:SHORT])


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
