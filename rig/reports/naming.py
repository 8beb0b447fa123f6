"""A report's title by the table of its family. No I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rig.reports import frames, titles
from rig.reports.demangle import demangle
from rig.reports.frames import Blame
from rig.reports.rules import Format, Group

_STAMP = re.compile(r"\[ *\d+\.\d+\]")


@dataclass(frozen=True, slots=True)
class Name:
    """What a report is called; `damage` is why that can't be trusted, "" if it can.

    `sure` if what the title is made of was all there, whatever else of the report is not.
    """

    title: str
    alt_titles: tuple[str, ...] = ()
    damage: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True)
class _Fit:
    """A format and where its trigger is."""

    how: Format
    trigger: re.Match[str]
    groups: dict[str, str]


def name(group: Group, header: str, lines: Sequence[str], window: int) -> Name:
    """Return the name of the report in `lines`, of which the first `window` are surely its own."""
    text = "\n".join(lines[:window])
    fit, triggered = _fit(group, text, len(lines[0]))
    if not fit:
        raw = lines[0][max(lines[0].find(header), 0) :]
        damage = "title but not the full report" if triggered else _interleaved(raw)
        return Name(titles.clean(raw), damage=damage, sure=not damage)
    below = lines[text.count("\n", 0, fit.trigger.start("at")) : window]
    found = frames.blame(fit.how, below, fit.groups.get("func", ""))
    title, alt_titles = _titles(fit, found)
    doubt = _doubt(fit.how, found, title)
    return Name(
        title=titles.clean(title),
        alt_titles=alt_titles,
        damage=doubt or (frames.damage(lines) if fit.how.stack else ""),
        sure=not doubt,
    )


def _fit(group: Group, text: str, first_line: int) -> tuple[_Fit | None, bool]:
    """Return the format whose trigger comes first, and whether there was any trigger; most are in the first line."""
    triggered = False
    for end in (first_line, len(text)):
        for how, trigger in _triggers(group, text, end):
            triggered = True
            groups = _groups(how, trigger, text)
            if groups is not None:
                return _Fit(how, trigger, groups), True
    return None, triggered


def _triggers(group: Group, text: str, end: int) -> list[tuple[Format, re.Match[str]]]:
    found = [(how, match) for how in group.formats if (match := how.trigger.search(text, 0, end))]
    return sorted(found, key=lambda one: one[1].start("at"))  # stable: the upper row first


def _groups(how: Format, trigger: re.Match[str], text: str) -> dict[str, str] | None:
    groups = trigger.groupdict("")
    at = trigger.end()
    for need in how.needs:
        match = need.search(text, at)
        if not match:
            return None
        groups |= match.groupdict("")
        at = match.end()
    return groups


def _titles(fit: _Fit, found: Blame) -> tuple[str, tuple[str, ...]]:
    how = fit.how
    if not how.frame and "func" in fit.groups:
        func = demangle(fit.groups["func"])
        found = Blame(func, func)
    names = (found.frame, *(frames.variants(found.full) if how.frame else ()))
    made = [
        template.format(**fit.groups, frame=one, origin=found.origin)
        for one in names
        for template in (how.title, how.alias)
        if template
    ]
    title = made[0]
    return title, tuple(sorted({titles.clean(one) for one in made} - {titles.clean(title)}))


def _doubt(how: Format, found: Blame, title: str) -> str:
    """Return why what a title is made of can't be trusted."""
    if how.corrupted:
        return "the report itself is missing"
    if how.frame and found.damage:
        return found.damage
    return _interleaved(title)


def _interleaved(title: str) -> str:
    return "time stamp in the title" if _STAMP.search(title) else ""
