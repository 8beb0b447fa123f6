"""How far a run has got, as a terminal of a given size shows it. No I/O."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from rig import expected
from rig.duration import clock
from rig.events import Boot, Coming
from rig.model import End, Status
from rig.render.escape import printable
from rig.standing import Cell, Row, Standing, Trouble, Work

COLOURS = {
    Status.PASS: "green",
    Status.DONE: "green",
    Status.FAIL: "bold red",
    Status.ERROR: "bold red",
    Status.SKIP: "yellow",
    Status.MISS: "yellow",
}
WAITING, NOT_RUN, RUNNING = ".", "-", ">"
LABEL = 30  # columns that the name of a trial may take
ROOMY, TIGHT = 8, 5  # columns of a cell: "run 1:05", "ERROR"
BAR = 20  # columns, at most a quarter of all
COUNTED = 5  # lines of a grid from which on those left out are counted
Lines = list[Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A part of the view: how many lines it would take, and those it is left with."""

    wants: int
    least: int  # if it wants so many
    lines: Callable[[int], Lines]


def view(standing: Standing, *, now: float, width: int, height: int) -> Lines:
    """Return at most `height` lines of at most `width` columns, the most important part of `standing`."""
    grid = _Grid(standing, now, width)
    troubles, works, running = standing.troubles, standing.works, standing.running
    parts = (
        _Part(wants=grid.wants, least=3, lines=grid.lines),
        _Part(wants=min(len(troubles), height // 3), least=1, lines=lambda room: _troubles(troubles, room)),
        _Part(wants=len(works), least=1, lines=lambda room: _works(works[:room], now, width)),
        _Part(wants=len(running), least=1, lines=lambda room: grid.now(running[:room])),
    )
    shares = _shared(parts, height - 1)
    shown = [line for part, room in zip(parts, shares, strict=True) if room for line in part.lines(room)]
    return [_cut(line, width) for line in (*shown, _sum(standing, now))][-max(1, height) :]


def _shared(parts: Sequence[_Part], room: int) -> list[int]:
    """Share out lines: to each part the least it can do with, from the last on, then what it wants."""
    shares = [0] * len(parts)
    for wanted in ([min(part.least, part.wants) for part in parts], [part.wants for part in parts]):
        for number in reversed(range(len(parts))):
            more = min(wanted[number] - shares[number], room)
            shares[number] += more
            room -= more
    return shares


def _cut(line: Text, width: int) -> Text:
    line.rstrip()
    line.no_wrap = True
    line.truncate(width, overflow="ellipsis")
    return line


# ---- the grid: trials by workloads


class _Grid:
    """The rows of what was, is and is to come, in the widest form that fits."""

    def __init__(self, standing: Standing, now: float, width: int) -> None:
        self._standing, self._now = standing, now
        trials: tuple[Row | Coming, ...] = (*standing.rows, *standing.coming)
        self._labels = _labels(standing)
        self._label = min(max(map(len, self._labels), default=0), LABEL, width // 3)
        self._names = tuple(dict.fromkeys(name for trial in trials for name in _workloads(trial)))
        self._widths = _widths(self._names, width - self._label)
        self.wants = len(trials) + bool(self._widths) if trials else 0

    def lines(self, room: int) -> Lines:
        """Return a header and rows, those that run in any case; what is left out is counted."""
        head = [self._header()] if self._widths and room > 2 else []
        rows = self._rows(room - len(head))
        return head + rows

    def now(self, rows: Iterable[Row]) -> Lines:
        """Return what each of `rows` is doing."""
        labels = dict(zip(map(id, self._standing.rows), self._labels, strict=False))
        return [self._doing(row, labels[id(row)]) for row in rows]

    def _header(self) -> Text:
        names = (_fit(name, width) for name, width in zip(self._names, self._widths, strict=True))
        return Text(" ".join((" " * self._label, *names)), style="bold")

    def _rows(self, room: int) -> Lines:
        trials: tuple[Row | Coming, ...] = (*self._standing.rows, *self._standing.coming)
        first, last = _window(len(trials), self._busy(), room)
        shown = [self._row(*each) for each in list(zip(self._labels, trials, strict=True))[first:last]]
        if len(shown) == room or len(shown) == len(trials):
            return shown
        before = [Text(f"… {first} before: {_tally(self._standing.rows[:first])}", style="dim")] if first else []
        after = [Text(f"… {len(trials) - last} more", style="dim")] if last < len(trials) else []
        return before + shown + after

    def _busy(self) -> int:
        """Return the number of the last trial that runs, or of the last that did."""
        busy = [number for number, row in enumerate(self._standing.rows) if not row.trial]
        return max(busy, default=max(0, len(self._standing.rows) - 1))

    def _row(self, label: str, trial: Row | Coming) -> Text:
        text = Text(_fit(label, self._label) + ("" if self._widths else " "))
        if not _workloads(trial):
            return text.append(*self._booted(trial))
        cells = {cell.workload: cell for cell in trial.cells} if isinstance(trial, Row) else {}
        for name, width in zip(self._names, self._widths or (0,) * len(self._names), strict=True):
            told, style = self._told(trial, cells.get(name), name)
            text.append(f" {_fit(told, width)}" if width else _letter(told), style=style)
        return text

    def _booted(self, trial: Row | Coming) -> tuple[str, str]:
        """Return how a trial without workloads stands, and its style."""
        if isinstance(trial, Coming):
            return f" {WAITING}", "dim"
        if not trial.trial:
            return f" boot {clock(self._now - trial.began)}", "cyan"
        return (" booted", "green") if trial.trial.end is End.FINISHED else (f" {trial.trial.end}", "red")

    def _told(self, trial: Row | Coming, cell: Cell | None, name: str) -> tuple[str, str]:
        """Return what stands in a cell, and its style."""
        if isinstance(trial, Coming):
            return (WAITING, "dim") if name in trial.workloads else ("", "")
        if not cell:
            return "", ""
        if cell.outcome:
            return cell.outcome.status, COLOURS[cell.outcome.status]
        if trial.trial:
            return NOT_RUN, "dim"
        if cell.began is not None:
            return f"run {clock(self._now - cell.began)}", "cyan"
        return (f"boot {clock(self._now - trial.began)}", "cyan") if self._boots(trial, cell) else (WAITING, "dim")

    def _boots(self, row: Row, cell: Cell) -> bool:
        return row.booting and cell is row.cells[0]

    def _doing(self, row: Row, label: str) -> Text:
        text = Text(f"{_fit(label, self._label)} ", style="cyan")
        cell = row.current
        if cell and cell.began is not None:
            return text.append(f"{cell.workload} {clock(self._now - cell.began)}  {printable(cell.doing)}")
        return text.append(f"booting {clock(self._now - row.began)}" if row.booting else "powering off")


def _workloads(trial: Row | Coming) -> tuple[str, ...]:
    return trial.workloads if isinstance(trial, Coming) else tuple(cell.workload for cell in trial.cells)


def _labels(standing: Standing) -> list[str]:
    """Return what trials are called: those to come by the numbers they will get."""
    boots = [row.boot for row in standing.rows]
    numbers = Counter((boot.side, boot.kernel) for boot in boots)
    for each in standing.coming:
        numbers[each.side, each.kernel] += 1
        boots.append(Boot(side=each.side, kernel=each.kernel, index=numbers[each.side, each.kernel]))
    several = any(boot.index > 1 for boot in boots)
    return [f"{standing.name(boot)} {boot.index}" if several else standing.name(boot) for boot in boots]


def _widths(names: tuple[str, ...], room: int) -> tuple[int, ...]:
    """Return the widths of columns; none if there is not even room for a word in each."""
    full = tuple(max(len(name), ROOMY) for name in names)
    if sum(full) + len(full) <= room:
        return full
    share = room // max(1, len(names)) - 1
    return (share,) * len(names) if share >= TIGHT else ()


def _window(trials: int, busy: int, room: int) -> tuple[int, int]:
    """Return the first and the end of the trials that are shown, so that those at work are among them.

    Where there is `room` for it, a line each goes to what is left out above and below.
    """
    size = min(trials, room if room < COUNTED else room - 2)
    first = min(max(0, busy + 1 + size // 3 - size), trials - size)
    return (0, trials) if trials <= room else (first, first + size)


def _tally(rows: Iterable[Row]) -> str:
    done = [cell.outcome.status for row in rows for cell in row.cells if cell.outcome]
    return ", ".join(f"{number} {status}" for status, number in Counter(done).items()) or "nothing ran"


def _letter(told: str) -> str:
    return RUNNING if told.startswith(("run", "boot")) else told[:1] or " "


def _fit(text: str, width: int) -> str:
    """Return `text` in exactly `width` columns; a time is worth more than the word before it."""
    if len(text) <= width:
        return text.ljust(width)
    short = text.partition(" ")[2] if text.startswith(("run ", "boot ")) else ""
    return short.ljust(width)[:width] if short else f"{text[: width - 1]}…"


# ---- the lines below it


def _troubles(troubles: Sequence[Trouble], room: int) -> Lines:
    """Return the latest ones, and how many there are besides."""
    if len(troubles) <= room:
        return [_trouble(each) for each in troubles]
    shown = troubles[len(troubles) - room + 1 :] if room > 1 else ()
    return [Text(f"! {len(troubles) - len(shown)} more reports and failures", style="red"), *map(_trouble, shown)]


def _trouble(trouble: Trouble) -> Text:
    text = Text(f"! {trouble.told}: ", style="red")
    text.append(printable(trouble.title).replace("\n", " "), style="bold")
    return text.append(f" ({', '.join(trouble.workloads)})")


def _works(works: Iterable[Work], now: float, width: int) -> Lines:
    return [work(each, now=now, width=width) for each in works]


def work(work: Work, *, now: float, width: int) -> Text:
    """Return the line about a piece of work."""
    left = work.left(now)
    parts = (
        work.name,
        _bar(work.done / work.total, min(BAR, width // 4)) if work.total else "",
        f"{work.done:g}/{work.total:g}" if work.total else f"{work.done:g}" if work.done else "",
        clock(now - work.began),
        f"about {clock(left)} left" if left is not None else "",
        printable(work.text),
    )
    return Text(" ".join(part for part in parts if part))


def _bar(share: float, width: int) -> str:
    full = min(width, int(width * share))
    return f"[{'#' * full}{'-' * (width - full)}]"


def _sum(standing: Standing, now: float) -> Text:
    """Return the line that counts and tells the time."""
    return Text(", ".join(part for part in (counted(standing), *_times(standing, now)) if part), style="bold")


def counted(standing: Standing) -> str:
    """Return how many trials are done of how many; "" if none are known of."""
    total = len(standing.rows) + len(standing.coming)
    done = sum(row.trial is not None for row in standing.rows)
    if standing.more:
        return f"{done} trial{'' if done == 1 else 's'}"
    return f"{done} of {total} trials" if total else ""


def _times(standing: Standing, now: float) -> Iterable[str]:
    gone, left = clock(now - standing.began), expected.left(standing, now)
    over = standing.idle and standing.rows
    yield f"in {gone}" if over else gone
    if left and not over:
        yield f"about {clock(left)} left"
    if standing.budget is not None:
        yield f"budget {clock(standing.budget)}"
