"""A night as its page shows it: against the night before, and against the release. No I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rig.memory.values import Duty, Job, Night, Standing, Tip, Trend
from rig.render.html.grid import Tone
from rig.render.site import naming
from rig.render.site.book import Book, Chapter
from rig.render.site.links import Link, Links, links
from rig.render.site.matrix import Matrix, matrices
from rig.render.site.tonight import Group, Turn, groups
from rig.render.wording import many

_UNDONE = ("left out", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class TipRow:
    """What a kernel was, that night and the one before."""

    kernel: str
    commit: str
    subject: str
    before: str  # commit; "" if it was not there, or is of no git source
    moved: bool
    base: str
    base_commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job, and what it took: `share` in percent of the longest one."""

    job: Job
    place: str
    run: Link
    tone: Tone
    expected: float  # percent
    taken: float  # likewise; 0 if it was not done to its end


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A step of a metric in this night."""

    link: Link  # the metric
    place: str
    unit: str
    before: float
    after: float
    change: float | None
    p_value: float | None
    suspects: str
    night: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """A night in the row of the last ones."""

    link: Link
    day: str
    state: str
    tone: Tone
    said: str  # in a few words


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """The whole page."""

    night: Night
    day: str
    earlier: Link | None
    later: Link | None
    headline: str
    tone: Tone
    lines: tuple[str, ...]
    duties: tuple[Duty, ...]
    groups: tuple[Group, ...]
    tips: tuple[TipRow, ...]
    matrix: Matrix
    steps: tuple[StepRow, ...]
    jobs: tuple[JobRow, ...]
    recent: tuple[Recent, ...] = ()  # only on the first page

    @property
    def undone(self) -> tuple[JobRow, ...]:
        """Return what was left out or failed."""
        return tuple(row for row in self.jobs if row.job.state in _UNDONE)


def evenings(book: Book) -> tuple[Evening, ...]:
    """Return the page of each night, in the order of the book's chapters."""
    chapters = book.chapters
    around = zip((None, *chapters), chapters, (*chapters[1:], None), matrices(book), strict=False)
    linked = links(book)
    return tuple(
        _evening(book, chapter, earlier, later, matrix, linked) for later, chapter, earlier, matrix in around if chapter
    )


def _evening(
    book: Book, chapter: Chapter, earlier: Chapter | None, later: Chapter | None, matrix: Matrix, linked: Links
) -> Evening:
    night = chapter.night
    found = groups(book, night.id)
    return Evening(
        night=night,
        day=naming.day(night.id),
        earlier=linked.day(earlier.night.id) if earlier else None,
        later=linked.day(later.night.id) if later else None,
        headline=_headline(night, chapter, found),
        tone=_tone(night, chapter, found),
        lines=tuple(_lines(chapter, found, earlier)),
        duties=tuple(each for each in book.duties if each.night == night.id),
        groups=found,
        tips=tuple(_tips(chapter, earlier)),
        matrix=matrix,
        steps=tuple(steps(book.trends, linked, night.id)),
        jobs=_jobs(chapter.jobs, linked),
    )


# ---- in a few words


def _number(found: tuple[Group, ...], *turns: Turn, standing: Standing | None = None) -> int:
    entries = (each for group in found if group.turn in turns for each in group.entries)
    return sum(standing in (None, each.standing) for each in entries)


def _headline(night: Night, chapter: Chapter, found: tuple[Group, ...]) -> str:
    """Return what matters most."""
    sure = _number(found, "opened", standing="confirmed")
    back = _number(found, "came back", standing="confirmed")
    suspected = _number(found, "opened", "came back", standing="suspected")
    news = (
        many(sure, "new regression") if sure else "",
        f"{back} came back" if back else "",
        f"{suspected} suspected" if suspected else "",
    )
    return ", ".join(filter(None, news)) or _no_news(night, chapter, found)


def _no_news(night: Night, chapter: Chapter, found: tuple[Group, ...]) -> str:
    if not chapter.cells:
        return "Still running" if night.state == "running" else "Nothing ran"
    closed, still = _number(found, "closed"), _number(found, "open")
    gone = f"{many(closed, 'regression')} gone" if closed else "Nothing new"
    return f"{gone}, {still} still open" if still else gone


def _tone(night: Night, chapter: Chapter, found: tuple[Group, ...]) -> Tone:
    if _number(found, "opened", "came back", standing="confirmed"):
        return "bad"
    doubtful = _number(found, "opened", "came back", "open") or night.state == "cut short" or not chapter.cells
    return "doubt" if doubtful else "good"


def _lines(chapter: Chapter, found: tuple[Group, ...], earlier: Chapter | None) -> Iterator[str]:
    """Yield how the night compares with the one before, and with the release."""
    if earlier:
        counted = (
            f"{_number(found, 'opened')} opened, {_number(found, 'came back')} came back, "
            f"{_number(found, 'closed')} closed"
        )
        yield f"Against last night ({naming.short(earlier.night.id)}): {counted}."
    releases = ", ".join(sorted({tip.base for tip in chapter.tips if tip.base}))
    there = _number(found, "opened", "came back", "open")
    shared = _number(found, "old")
    both = f", {shared} that it shows too" if shared else ""
    yield f"Against the release{f' ({releases})' if releases else ''}: {there or 'none'} open{both}."


# ---- parts


def _tips(chapter: Chapter, earlier: Chapter | None) -> Iterator[TipRow]:
    before = {tip.kernel: tip for tip in (earlier.tips if earlier else ())}
    for tip in chapter.tips:
        yield _tip(tip, before.get(tip.kernel))


def _tip(tip: Tip, before: Tip | None) -> TipRow:
    return TipRow(
        kernel=tip.kernel,
        commit=tip.commit,
        subject=tip.subject,
        before=before.commit if before else "",
        moved=before is not None and before.commit != tip.commit,
        base=tip.base,
        base_commit=tip.base_commit,
    )


def _jobs(jobs: tuple[Job, ...], linked: Links) -> tuple[JobRow, ...]:
    longest = max((max(job.expected, job.taken or 0) for job in jobs), default=0.0) or 1.0
    tones: dict[str, Tone] = {"done": "good", "failed": "bad", "left out": "doubt"}
    return tuple(
        JobRow(
            job=job,
            place=naming.place(job.where),
            run=linked.run(job.run),
            tone=tones.get(job.state, "idle"),
            expected=round(100 * job.expected / longest, 1),
            taken=round(100 * (job.taken or 0) / longest, 1),
        )
        for job in jobs
    )


def steps(trends: Iterable[Trend], linked: Links, night: str = "") -> Iterator[StepRow]:
    """Yield the steps of `trends`: those of one night, or all."""
    for trend in trends:
        for change in trend.changes:
            if night in ("", change.night):
                measure = trend.measure
                page = naming.metrics(measure.where, measure.workload)
                yield StepRow(
                    link=Link(text=measure.name, href=f"{page}#{naming.anchor(measure.name)}"),
                    place=f"{naming.place(measure.where)} · {measure.workload}",
                    unit="" if measure.unit == "1" else measure.unit,
                    before=change.before,
                    after=change.after,
                    change=change.change,
                    p_value=change.p_value,
                    suspects=naming.between(change.good, change.bad),
                    night=linked.short(change.night),
                )
