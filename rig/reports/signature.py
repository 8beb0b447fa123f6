"""What stays the same when a bug returns, beside its titles: its stack and its locks. No I/O."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from rig.model import Lock, Report, Trace
from rig.reports import skips
from rig.reports.frames import NO_FRAME, strip_syscall, variants

_SHOWN = 3  # functions of a stack that a signature names
_VOLATILE = 2  # on top of a stalled stack: where in its loop a CPU was seen is chance
_ENOUGH = 2  # functions that two stacks must share to be of one bug

_FAMILIES = {  # by the alias that the family tables give
    "bad-access": "access",
    "invalid-free": "free",
    "stall": "stall",
    "hang": "stall",
}
_CYCLE = "possible deadlock in "
_OF_LOCKS = re.compile(
    "(?:possible deadlock|inconsistent lock state|(?:BUG|WARNING): (?:bad unlock balance|held lock freed"
    "|still has locks held|lock held when returning to user space)) in "
)
_OWN = re.compile(r"Call [Tt]race|[Bb]acktrace|NMI backtrace|stack backtrace|RIP|KMSAN")
_SUFFIX = re.compile(r"\.(?:isra|constprop|part|cold|llvm)\b.*")
_TAINT = re.compile(r" \((?:Not tainted|Tainted: [^()]*)\)")
_INSTANCE = re.compile(r"#\d+")  # tells lock classes of one name apart, by the order they came up in


def titles(report: Report) -> frozenset[str]:
    """Return all the titles a bug is known by."""
    return frozenset((report.title, *report.alt_titles))


def keys(report: Report) -> frozenset[str]:
    """Return what a bug can be found by: two reports that share one are of the same bug, unless they `contradict`."""
    unnamed = f" in {NO_FRAME}"
    known = {report.title, *(title for title in report.alt_titles if not title.endswith(unnamed))}
    return frozenset((*known, *_stack_keys(report), *_cycle_keys(report)))


def contradict(one: Report, other: Report) -> bool:
    """Whether two reports can't be of one bug even under one title.

    Deadlocks are of the same locks or of different ones, and so are objects of their caches. A title that names
    nobody, or only a place that everybody passes through, says nothing against two stacks that differ.
    """
    if _OF_LOCKS.match(one.title) and _OF_LOCKS.match(other.title):
        these, those = _lock_names(one.locks), _lock_names(other.locks)
        return bool(these and those) and not (these <= those or those <= these)
    if one.frame is None and one.access and other.access and one.access.cache != other.access.cache:
        return True
    if _says_who(one) or _says_who(other):
        return False
    this, that = _telling(one), _telling(other)
    return bool(this and that) and this != that


def signature(report: Report) -> str:
    """Return the signature of a report by its other fields: the same from boot to boot, for people to read."""
    names = _lock_names(report.locks)
    if names and _OF_LOCKS.match(report.title):
        return f"{report.title.partition(' in ')[0]}: {', '.join(sorted(names))}"
    family = _family(report)
    shown = _stack(report)[-_SHOWN:] if family == "stall" else _blamed(report)[:_SHOWN]
    kind = family or _TAINT.sub("", report.title.partition(" in ")[0]).removesuffix(":")
    return f"{kind}: {' < '.join(shown)}" if shown else ""


# ---- stacks


def _family(report: Report) -> str:
    aliases = (title.partition(" in ")[0] for title in report.alt_titles)
    return next((_FAMILIES[alias] for alias in aliases if alias in _FAMILIES), "")


def _says_who(report: Report) -> bool:
    frame = report.frame
    return frame is None or not (frame == NO_FRAME or _says_nothing(frame))


def _telling(report: Report) -> str:
    """Return the function of a report's stack that says most: of a stall the outermost, else the innermost."""
    stack = _stack(report)
    if not stack or (len(stack) == 1 and _says_nothing(stack[0])):
        return ""
    return stack[-1] if _family(report) == "stall" else stack[0]


def _says_nothing(name: str) -> bool:
    return name in skips.DISPATCH or name in skips.OPERATIONS


def _stack_keys(report: Report) -> Iterator[str]:
    family, stack = _family(report), _stack(report)
    if len(stack) < _ENOUGH:
        return
    if family == "stall":
        for above in range(min(_VOLATILE, len(stack) - _ENOUGH) + 1):
            yield f"stall: {' < '.join(stack[above:])}"
    elif family:
        yield f"{family}: {' < '.join(stack[:_ENOUGH])}"


def _stack(report: Report) -> tuple[str, ...]:
    """Return the functions at work when a report came, innermost first: helpers on top and what dispatched left out."""
    own = [trace for trace in report.traces if _OWN.match(trace.what)] or report.traces[:1]
    return next((stack for trace in own if (stack := _at_work(trace))), ())


def _blamed(report: Report) -> tuple[str, ...]:
    """Return the stack from the function to blame on: above it are helpers that only its family knows."""
    own = _stack(report)
    stacks = chain((own,), map(_at_work, report.traces))
    return next((stack[stack.index(report.frame) :] for stack in stacks if report.frame in stack), own)


def _at_work(trace: Trace) -> tuple[str, ...]:
    names = [_SUFFIX.sub("", frame.function).removeprefix("__pfx_") for frame in trace.frames if frame.reliable]
    names = [name for name in _interrupted(names) if name not in skips.BLAMELESS and name not in skips.REPORTING]
    bottom = next((at for at, name in enumerate(names) if _passed_by_many(name)), len(names))
    if 1 < bottom < len(names) and names[bottom - 1] in skips.OPERATIONS:
        bottom -= 1
    if any(name in skips.IDLE for name in names[:bottom]):
        return ()
    return tuple(map(strip_syscall, names[:bottom] or [name for name in names[:1] if name not in skips.TIMER_ENTRY]))


def _passed_by_many(name: str) -> bool:
    return len(variants(name)) > 1 or name in skips.ANCHORS or name in skips.DISPATCH


def _interrupted(names: Sequence[str]) -> Sequence[str]:
    """Return what a CPU did when its timer interrupt found that it does nothing else."""
    entry = next((at for at, name in enumerate(names) if name in skips.TIMER_ENTRY), None)
    if entry is None or not any(name in skips.WATCHING for name in names[:entry]):
        return names
    return [name for name in names[entry:] if name not in skips.TIMER_ENTRY]


# ---- locks


def _lock_names(locks: Sequence[Lock]) -> frozenset[str]:
    return frozenset(_INSTANCE.sub("", lock.name) for lock in locks)


def _cycle_keys(report: Report) -> Iterator[str]:
    """Yield a key for each place where a lock of a cycle is taken: whoever comes second is who gets the report."""
    if report.title.startswith(_CYCLE) and len(names := _lock_names(report.locks)) > 1:
        cycle = ", ".join(sorted(names))
        for lock in report.locks:
            if lock.site:
                yield f"deadlock: {cycle}: {_INSTANCE.sub('', lock.name)} in {lock.site}"
