"""What a build printed, as values: steps, compiler warnings, errors. No I/O."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rig.model import CompilerWarning

STEP = re.compile(r"  (?P<verb>[A-Z][A-Z0-9_]*)(?: \[M\])? +(?P<target>\S+)$")
FUNCTION = re.compile(r"\S+: In (?:member |static )*function [‘'](?P<name>[^’']+)[’']")
TOP_LEVEL = re.compile(r"\S+: At top level:$")
WARNING = re.compile(
    r"(?P<file>[^\s:]+):(?:(?P<line>\d+):)?(?:\d+:)? warning: (?P<text>.*?)(?: \[(?P<flag>-W[^\]]+)\])?$"
)
ERROR = re.compile(r"(?:^|\s)(?:fatal )?error: |undefined reference to |^ERROR: modpost: |multiple definition of ")
STOPPED = re.compile(r"make(?:\[\d+\])?: \*\*\* ")
OFFSET = re.compile(r"\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?")  # objtool's places move with every change
MOST_ERRORS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What making one target printed. make must run with --output-sync, which keeps that together."""

    target: str  # relative to the build tree
    lines: tuple[str, ...]


def step_target(line: str) -> str | None:
    """Return the target a line of kbuild announces, if it does."""
    found = STEP.match(line)
    return found["target"] if found else None


def steps(lines: Iterable[str]) -> Iterator[Step]:
    """Yield the steps of a build log in order."""
    target: str | None = None
    said: list[str] = []
    for line in lines:
        if (announced := step_target(line)) is None:
            said.append(line)
            continue
        if target is not None:
            yield Step(target=target, lines=tuple(said))
        target, said = announced, []
    if target is not None:
        yield Step(target=target, lines=tuple(said))


def warnings(lines: Iterable[str], tree: str) -> tuple[CompilerWarning, ...]:
    """Return the warnings of a build log; `tree` is the source tree's path, which file names are relative to."""
    return tuple(warning for step in steps(lines) for warning in _of_step(step, tree))


def _of_step(step: Step, tree: str) -> Iterator[CompilerWarning]:
    function = ""
    for line in step.lines:
        if opened := FUNCTION.match(line):
            function = opened["name"]
        elif TOP_LEVEL.match(line):
            function = ""
        elif found := WARNING.match(line):
            yield CompilerWarning(
                file=_relative(found["file"], tree),
                line=int(found["line"] or 0),
                function=function if found["line"] and found["flag"] else "",  # kernel-doc's are of no function
                flag=found["flag"] or "",
                text=OFFSET.sub("", found["text"]),
            )


def warned(lines: Iterable[str]) -> frozenset[str]:
    """Return the targets whose making printed warnings."""
    return frozenset(step.target for step in steps(lines) if any(WARNING.match(line) for line in step.lines))


def errors(lines: Iterable[str], tree: str) -> tuple[str, ...]:
    """Return the lines of a build log that say why it failed, the first ones first."""
    kept = list(lines)
    found = [line for line in kept if ERROR.search(line)] or _before_stops(kept)
    return tuple(_relative(line, tree) for line in found)[:MOST_ERRORS]


def _before_stops(lines: list[str]) -> list[str]:
    """Return where make stopped, and what was said just before that."""
    near = [lines[max(0, at - 1) : at + 1] for at, line in enumerate(lines) if STOPPED.match(line)]
    return list(dict.fromkeys(line for pair in near for line in pair if step_target(line) is None))


def _relative(path: str, tree: str) -> str:
    return path.removeprefix(f"{tree}/")
