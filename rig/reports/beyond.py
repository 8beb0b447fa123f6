"""Rows for what the conventions open no report for: a line by itself, where their own report did not come. No I/O.

Such a line often announces a report of the conventions, or is the second line of one: then it opens nothing. Two
lines are of one incident if they have the same context and are as near as `beyond` of the group says, in bytes.
"""

from bisect import bisect_left
from collections.abc import Sequence

from rig.reports.families import ALLOCATORS, CALLED, FAULT, LEAKED, WARN
from rig.reports.rules import Group, Pick, group, row

_WORDS = 4 << 10  # what a warning or BUG says, and the rest of it
_DUMP = 16 << 10  # registers and stacks between the two

LOCKUP = group(
    "hard LOCKUP",
    beyond=_DUMP,
    formats=(
        row(
            "(?:[Ww]atchdog|CPU).* hard LOCKUP",
            "BUG: hard lockup in {frame}",
            frame=FAULT,
            pick=Pick.STALL,
            alias="stall in {frame}",
        ),
    ),
)

MACHINE_CHECK = group(
    "[Hardware Error]:",
    beyond=_WORDS,
    formats=(
        row(r"\[Hardware Error\]: (?:CPU \d+: )?Machine Check Exception:", "machine check exception", stack=False),
        row(r"\[Hardware Error\]: (?:CPU \d+: )?Machine Check: ", "machine check", stack=False),
        row(r"\[Hardware Error\]: Machine check events logged", "machine check events logged", stack=False),
        row(r"\[Hardware Error\]: Hardware error from APEI", "hardware error", stack=False),
    ),
)

CORRUPTED_LIST = group(
    "list_add corruption",
    "list_del corruption",
    "list_add double add",
    beyond=_WORDS,
    formats=(
        row(
            "list_(?:add|del) (?:corruption|double add)",
            "BUG: corrupted list in {frame}",
            frame=CALLED,
            alias="bad-access in {frame}",
        ),
    ),
)

REFCOUNT = group(
    "refcount_t: ",
    beyond=_WORDS,
    formats=(
        row(
            r"refcount_t: (?:underflow|addition on 0|increment on 0|saturated|decrement hit 0|decrement from 0)",
            "WARNING: refcount bug in {frame}",
            frame=WARN,
            skip="refcount kobject_",
        ),
    ),
)

SLAB = group(
    "BUG ",
    beyond=_DUMP,
    formats=(
        row(
            r"BUG (?P<cache>[\w:-]+) \((?:Not tainted|Tainted: .*?)\): (?!kasan: )(?P<what>.+)",
            "BUG {cache}: {what}",
            stack=False,
        ),
    ),
)

LEAKS = group(
    "kmemleak: ",
    beyond=1,  # nothing else tells it
    formats=(
        row("kmemleak: unreferenced object 0x", "memory leak in {frame}", frame=LEAKED, skip=ALLOCATORS),
        row(r"kmemleak: \d+ new susp\w+ memory leaks", "kmemleak: new suspected memory leaks", stack=False),
    ),
)

OBJECT = group(  # as debugfs lists what a scan found
    "unreferenced object 0x",
    beyond=_WORDS,
    formats=(row("^unreferenced object 0x", "memory leak in {frame}", frame=LEAKED, skip=ALLOCATORS),),
)

OOPS = group(
    "Oops",
    beyond=_DUMP,
    formats=(
        row(r"^Oops: [0-9a-f]{4} \[#\d+\]", "Oops in {frame}", frame=FAULT, alias="bad-access in {frame}"),
        row(r"^Oops\b.*\[#\d+\]", "Oops in {frame}", frame=FAULT),
    ),
)

GROUPS: tuple[Group, ...] = (LOCKUP, MACHINE_CHECK, CORRUPTED_LIST, REFCOUNT, SLAB, LEAKS, OBJECT, OOPS)


def opens(group: Group, line: str) -> bool:
    """Whether a line with a header of `group` is what one of its rows looks for; by itself a header says little."""
    return any(how.trigger.search(line) for how in group.formats)


def belongs(start: int, group: Group, conventional: Sequence[int]) -> bool:
    """Whether a line at `start` is of the incident of a report of the conventions.

    `conventional` are the sorted starts of the lines of the same context that open those.
    """
    at = bisect_left(conventional, start)
    return any(abs(other - start) <= group.beyond for other in conventional[max(0, at - 1) : at + 1])
