"""What the search box looks through, as a script: pages opened from disk may load no other kind of file. No I/O."""

import json
from collections.abc import Iterator

from rig.render.escape import printable
from rig.render.site import naming
from rig.render.site.book import Book, Chapter

Entry = tuple[str, str, str, str]  # kind, text, what else is searched and shown, page


def script(book: Book) -> str:
    """Return the index: an array of entries, each once."""
    entries = [[printable(part) for part in entry] for entry in dict.fromkeys(_entries(book))]
    return f"window.rigSearch = {json.dumps(entries, separators=(',', ':'))};\n"


def _entries(book: Book) -> Iterator[Entry]:
    for each in book.regressions:
        more = " · ".join(filter(None, (each.kernel, *each.alt_titles, each.culprit)))
        yield "regression", each.title, more, naming.regression(each.number)
    yield from _workloads(book)
    for chapter in book.chapters:
        yield from _of_night(book, chapter)
    yield from _metrics(book)


def _workloads(book: Book) -> Iterator[Entry]:
    for each in book.records:
        yield "workload", each.workload, each.where.profile, naming.HEALTH


def _of_night(book: Book, chapter: Chapter) -> Iterator[Entry]:
    page = naming.night(chapter.night.id)
    yield "night", chapter.night.id, naming.day(chapter.night.id), page
    for tip in chapter.tips:
        yield "kernel", tip.kernel, f"{naming.short(chapter.night.id)} · {tip.base}", f"{page}#kernels"
        if tip.commit:
            yield "commit", tip.commit, f"{tip.subject} · {tip.kernel}", f"{page}#kernels"
    for job in chapter.jobs:
        if job.run:
            href = naming.report(job.run) if job.run in book.reports else f"{page}#jobs"
            yield "run", job.run, f"{naming.place(job.where)} · {naming.short(chapter.night.id)}", href


def _metrics(book: Book) -> Iterator[Entry]:
    for trend in book.trends:
        measure = trend.measure
        page = f"{naming.metrics(measure.where, measure.workload)}#{naming.anchor(measure.name)}"
        yield "metric", measure.name, f"{measure.workload} · {naming.place(measure.where)}", page
