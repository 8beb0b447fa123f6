"""The findings of a run with what the first trial of each side that saw them says. No I/O."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rig.compare import COMPILER
from rig.model import Count, Finding, FindingStatus, Frame, Location, Report, Run, Trial
from rig.render.html.consoles import Packed
from rig.render.html.grid import Tone, href, keyed
from rig.render.html.patch import Patch, SideName
from rig.reports import signature, traces

TONES: dict[FindingStatus, Tone] = {
    FindingStatus.NEW: "bad",
    FindingStatus.MORE_OFTEN: "bad",
    FindingStatus.SEEN: "bad",
    FindingStatus.FIXED: "good",
    FindingStatus.LESS_OFTEN: "good",
    FindingStatus.INCONCLUSIVE: "doubt",
    FindingStatus.MASKED: "doubt",
    FindingStatus.BOTH: "idle",
}
ORDER: tuple[Tone, ...] = ("bad", "doubt", "good", "idle")
MOST_UNFOLDED = 3
MOST_LINES = 200  # of a report's text


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in the source, and the id of the line of the patch that it is on or near."""

    at: Location
    inlined: bool
    patch_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One frame of a stack, decoded as far as it could be."""

    frame: Frame
    places: tuple[Place, ...]
    blamed: bool  # it is the function that the report's title names
    aside: bool  # above that one: the kernel's own reporting

    @property
    def patched(self) -> bool:
        """Whether the patch touches one of its places."""
        return any(place.at.patched or place.patch_id for place in self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The first sighting of a finding on one side."""

    side: SideName
    trial: Trial
    href: str
    report: Report | None  # None if what was seen is no report of the kernel
    stacks: tuple[tuple[str, tuple[Step, ...]], ...]  # each with what it is called
    text: str
    cut: int  # lines of it that are left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One finding as the page shows it."""

    id: str
    number: int
    finding: Finding
    tone: Tone
    unfolded: bool
    seen: tuple[Seen, ...]
    counts: tuple[tuple[str, Count], ...]  # of the sides that could have shown it


def items(run: Run, consoles: Mapping[str, Packed], patch: Patch) -> tuple[Item, ...]:
    """Return all findings but the compiler's warnings: what the patch introduced, what is open, the rest."""
    found = [finding for finding in run.comparison.findings if finding.type != COMPILER]
    found.sort(key=lambda finding: ORDER.index(TONES[finding.status]))
    return tuple(_item(number, finding, run, consoles, patch) for number, finding in enumerate(found, 1))


def _item(number: int, finding: Finding, run: Run, consoles: Mapping[str, Packed], patch: Patch) -> Item:
    sides: tuple[SideName, ...] = ("base", "patched") if run.patched else ("base",)
    sighted = (_first(finding, run, side, consoles, patch) for side in sides)
    counts = (("base", finding.base), ("patched", finding.patched))
    return Item(
        id=f"f{number}",
        number=number,
        finding=finding,
        tone=TONES[finding.status],
        unfolded=number <= (MOST_UNFOLDED if TONES[finding.status] == "bad" else 1),
        seen=tuple(seen for seen in sighted if seen),
        counts=counts if run.patched else counts[:1],
    )


def _first(finding: Finding, run: Run, side: SideName, consoles: Mapping[str, Packed], patch: Patch) -> Seen | None:
    """Return the first that a side's trials saw of `finding`: its own example, a report of its title, or of another."""
    own = [(key, trial) for key, trial in keyed(run) if trial.side == side]
    sighted = [(key, trial, number) for key, trial in own for number in range(len(trial.sightings))]
    for fits in (_is_example, _is_titled, _is_akin):
        for key, trial, number in sighted:
            report = trial.sightings[number].report
            if fits(finding, trial, report):
                console = consoles.get(key)
                where = f"#{key}:{console.reports[number]}" if console else ""
                return _seen(side, trial, where, report, patch)
    return _unreported(finding, side, own, consoles)


def _is_example(finding: Finding, trial: Trial, report: Report) -> bool:
    return (trial.console, report.start, report.title) == (finding.console, finding.offset, finding.title)


def _is_titled(finding: Finding, _: Trial, report: Report) -> bool:
    return report.title == finding.title


def _is_akin(finding: Finding, _: Trial, report: Report) -> bool:
    return not signature.titles(report).isdisjoint((finding.title, *finding.alt_titles))


def _seen(side: SideName, trial: Trial, where: str, report: Report, patch: Patch) -> Seen:
    lines = traces.own(report.text.split("\n")[report.lead :])
    return Seen(
        side=side,
        trial=trial,
        href=where,
        report=report,
        stacks=tuple((trace.what, tuple(_steps(trace.frames, report, side, patch))) for trace in report.traces),
        text="\n".join(lines[:MOST_LINES]),
        cut=max(0, len(lines) - MOST_LINES),
    )


def _steps(frames: tuple[Frame, ...], report: Report, side: SideName, patch: Patch) -> Iterator[Step]:
    names = frozenset((report.frame or "", *report.title.partition(" in ")[2].split(" / ")))
    blamed = next((number for number, frame in enumerate(frames) if _is_one_of(frame, names)), 0)
    for number, frame in enumerate(frames):
        last = len(frame.at) - 1
        yield Step(
            frame=frame,
            places=tuple(
                Place(at=at, inlined=place < last, patch_id=patch.id_of(side, at)) for place, at in enumerate(frame.at)
            ),
            blamed=_is_one_of(frame, names),
            aside=number < blamed,
        )


def _is_one_of(frame: Frame, names: frozenset[str]) -> bool:
    return not names.isdisjoint((frame.function, *(at.function for at in frame.at)))


def _unreported(
    finding: Finding, side: SideName, own: list[tuple[str, Trial]], consoles: Mapping[str, Packed]
) -> Seen | None:
    """Return what a finding that is no report shows on a side, if its example is from there."""
    for key, trial in own:
        if trial.console == finding.console:
            lines = finding.example.split("\n")
            workload = finding.workload.partition(", ")[0]
            return Seen(
                side=side,
                trial=trial,
                href=href(key, trial, workload, consoles.get(key)),
                report=None,
                stacks=(),
                text="\n".join(lines[:MOST_LINES]),
                cut=max(0, len(lines) - MOST_LINES),
            )
    return None


def marks(found: tuple[Item, ...]) -> dict[str, tuple[Item, ...]]:
    """Return which findings have a place on each line of the patch, by the line's id, or just in a file, by its id."""
    by_id: defaultdict[str, dict[str, Item]] = defaultdict(dict)
    for item in found:
        steps = (step for seen in item.seen for _, stack in seen.stacks for step in stack)
        for place in (place for step in steps for place in step.places if place.patch_id):
            by_id[place.patch_id][item.id] = item
    return {name: tuple(those.values()) for name, those in by_id.items()}
