"""Stack traces: their frames, the one to blame, and whether they are whole. No I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from rig.reports import families, skips
from rig.reports.demangle import demangle
from rig.reports.rules import Format, Pick, Seek, Step, Take

NO_FRAME = "corrupted"
_REMEMBERED = 2048  # lines and names: they come again and again
_NEAR = 15  # lines below the start of a trace in which a frame must come


@dataclass(frozen=True, slots=True)
class Blame:
    """The functions a title names. `full` is the name in the trace that `frame` is short for."""

    frame: str = NO_FRAME
    full: str = NO_FRAME
    origin: str = NO_FRAME  # of the trace that the last step read
    damage: str = ""  # why the trace is not to be trusted


@dataclass(frozen=True, slots=True)
class _Walk:
    names: tuple[str, ...]
    last: tuple[str, ...]  # those of the last step
    injected: bool


@lru_cache(_REMEMBERED)
def functions(line: str) -> tuple[str, ...]:
    """Return the functions of a stack frame line, the callee first; () if it is none."""
    match = families.FRAME.match(line) or (families.ARM_FRAME.search(line) if " from " in line else None)
    return _names(match) if match else ()


def _names(match: re.Match[str]) -> tuple[str, ...]:
    return tuple(demangle(name).partition(".")[0] for name in match.groups() if name)


@lru_cache(_REMEMBERED)
def trace_start(line: str) -> re.Match[str] | None:
    """Return how a line starts a trace; `lastindex` tells the kind."""
    if ":" not in line and "Call" not in line:  # most lines, and most others fall by the next test
        return None
    return families.TRACE_START.search(line) if any(word in line for word in families.TRACE_WORDS) else None


def strip_syscall(name: str) -> str:
    """Return a system call's name without the prefix that leaves the least of it."""
    return min(variants(name), key=len)


@lru_cache(_REMEMBERED)
def variants(name: str) -> tuple[str, ...]:
    """Return a name as it is and without each of the prefixes it has."""
    return (name, *(name[len(one) :] for one in skips.SYSCALL_PREFIXES if name.startswith(one) and name != one))


def blame(how: Format, lines: Sequence[str], func: str) -> Blame:
    """Return who is to blame by the runs of `how` over `lines`; `func` is what the trigger named."""
    damage = ""
    for run in how.frame:
        walk = _walk(run, lines, func)
        damage = "fault injection in the trace" if walk.injected else damage
        full, frame = _choose(walk.names, how)
        if frame:
            origin = _choose(walk.last, how)[1]
            return Blame(frame, full, origin or NO_FRAME, damage or ("" if origin or not how.origin else "no origin"))
    return Blame(damage="no frame to blame")


def _walk(run: Sequence[Step], lines: Sequence[str], func: str) -> _Walk:
    names: list[str] = []
    last: tuple[str, ...] = ()
    injected = False
    at = 0
    for step, following in pairwise((*run, None)):
        if step is Take.IN:
            last = (demangle(func),)
        else:
            at, last, stopped = _seek(step, lines, at) if isinstance(step, Seek) else _stack(lines, at, following)
            injected |= stopped
        names += last
    return _Walk(tuple(names), last, injected)


def _seek(step: Seek, lines: Sequence[str], at: int) -> tuple[int, tuple[str, ...], bool]:
    for index in range(at, len(lines)):
        if match := step.pattern.search(lines[index]):
            return index + 1, _names(match), False
        if _injected(functions(lines[index])):
            return index + 1, (), True
    return len(lines), (), False


def _stack(lines: Sequence[str], at: int, following: Step | None) -> tuple[int, tuple[str, ...], bool]:
    names: list[str] = []
    for index in range(at, len(lines)):
        line = lines[index]
        if isinstance(following, Seek) and following.pattern.search(line):
            return index, tuple(names), False
        if trace_start(line):
            return index + 1, tuple(names), False
        found = functions(line)
        if _injected(found):
            return index + 1, tuple(names), True
        names += found
    return len(lines), tuple(names), False


def _injected(names: Sequence[str]) -> bool:
    return any(name in skips.FAULT_INJECTION for name in names)


def _choose(names: Sequence[str], how: Format) -> tuple[str, str]:
    """Return the name to blame and the word that stands for it in the title."""
    suspects = [name for name in names if name not in how.skip and name not in skips.BLAMELESS]
    if how.pick is Pick.STALL:
        return _stalled(suspects)
    if how.pick is Pick.HANG:
        return _hung(suspects)
    return _first(suspects)


def _first(suspects: Sequence[str]) -> tuple[str, str]:
    return (suspects[0], strip_syscall(suspects[0])) if suspects else ("", "")


def _stalled(suspects: Sequence[str]) -> tuple[str, str]:
    for above, name in pairwise((None, *suspects)):
        if name and strip_syscall(name) in skips.ANCHORS:
            if skips.SMP_CALL in name:
                return name, skips.SMP_CALL
            return _first((above or name,))
    return "", ""


def _hung(suspects: Sequence[str]) -> tuple[str, str]:
    for name in suspects:
        if skips.RTNL in name:
            return name, name
        if any(one in name for one in skips.GRACE_PERIODS):
            return name, skips.GRACE_PERIODS[0]
    return _first([name for name in suspects if strip_syscall(name) not in skips.WAITING])


def damage(lines: Sequence[str]) -> str:
    """Return why the traces in a report's text are not whole, "" if they are.

    Only the first trace of each kind counts: later ones may be of somebody else.
    """
    seen: set[int | None] = set()
    whole = False
    for index, line in enumerate(lines):
        match = trace_start(line)
        if match and match.lastindex not in seen:
            seen.add(match.lastindex)
            reason = _damage_below(lines, index)
            if reason and match.lastindex != families.REGISTERS:
                return reason
            whole |= not reason
    return "" if whole else "no trace"


def _damage_below(lines: Sequence[str], start: int) -> str:
    if len(lines) - start <= 2:
        return "trace cut at its start"
    for line in lines[start + 1 : start + 1 + _NEAR]:
        if functions(line) or families.STACKLESS in line:
            return ""
        if trace_start(line):
            break
    return "trace without frames"
