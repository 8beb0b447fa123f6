"""What a row of the family tables can say. No I/O."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache

FUNC = r"(?P<func>[A-Za-z_]\w*)(?=[.+])"
NAME = r"([A-Za-z_]\w*)(?=[.+])"
PC = r"\[(?:<[^<>\n]*>|[0-9a-f]+)\]"  # powerpc has no angle brackets


def matcher(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of a table: ASCII classes, `^` and `$` at every line, `…` for anything in the same line.

    What follows a `…` is taken where it first comes, for good: a row with many of them costs no more than one with few.
    """
    head, *parts = pattern.split("…")
    return re.compile(head + "".join(f"(?>.*?{part})" for part in parts), re.ASCII | re.MULTILINE)


def _opener(pattern: str) -> re.Pattern[str]:
    """Compile what opens a report; `at` is where it begins, as what is before the first `…` is looked for once a line.

    Where it comes first there is all behind it that can be behind another, and looking from each of them would cost
    the square of a line that repeats itself.
    """
    head, ellipsis, rest = pattern.partition("…")
    return matcher(rf"^(?>.*?(?P<at>)(?:{head}))…{rest}" if ellipsis else rf"(?P<at>){pattern}")


class Skips:
    """A set of function names, given as words: regexes looked for in a name, `=name` for a whole one."""

    def __init__(self, *words: str) -> None:
        patterns = [rf"^(?:{one[1:]})$" if one.startswith("=") else one for one in " ".join(words).split()]
        match = re.compile("|".join(patterns) or "(?!)", re.ASCII)
        self._has = lru_cache(maxsize=4096)(lambda name: match.search(name) is not None)  # the same ones come again

    def __contains__(self, name: str) -> bool:
        return self._has(name)


@dataclass(frozen=True, slots=True)
class Seek:
    """Go to the first line that matches; the groups of the pattern are candidates."""

    pattern: re.Pattern[str]


class Take(Enum):
    """The other steps to a frame."""

    IN = auto()  # the trigger's own FUNC is a candidate
    STACK = auto()  # all frames up to the next trace, or to the line the next step seeks


Step = Seek | Take


class Pick(Enum):
    """How the frame is chosen from the candidates."""

    FIRST = auto()
    STALL = auto()  # what a known entry point called
    HANG = auto()  # what waits, or the lock everybody waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way a report of a group can look.

    `needs` are looked for one after the other behind the trigger. Named groups of trigger and needs may be used in
    `title` and `alias`, and so may `{frame}`. Each of `frame` is a run of steps; the first run with a result wins.
    Without any, `{frame}` is the group `func`.
    """

    trigger: re.Pattern[str]
    title: str
    needs: tuple[re.Pattern[str], ...] = ()
    frame: tuple[tuple[Step, ...], ...] = ()
    skip: Skips = field(default_factory=Skips)
    pick: Pick = Pick.FIRST
    alias: str = ""
    origin: bool = False  # the last step's trace must blame somebody too, `{origin}`
    stack: bool = True  # a report without a whole trace is corrupted
    corrupted: bool = False  # always


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Formats whose first line holds the same header, unless it looks like one of `ignore`."""

    headers: tuple[str, ...]
    formats: tuple[Format, ...]
    ignore: re.Pattern[bytes] | None = None
    beyond: int = 0  # bytes: not of the conventions, and opens nothing so near to what is; see `beyond`


def row(
    trigger: str,
    title: str,
    *,
    needs: Iterable[str] = (),
    frame: tuple[tuple[Step, ...], ...] = (),
    skip: str = "",
    pick: Pick = Pick.FIRST,
    alias: str = "",
    origin: bool = False,
    stack: bool = True,
    corrupted: bool = False,
) -> Format:
    """Return a format; patterns as `matcher` takes them, `skip` as `Skips` does."""
    return Format(
        trigger=_opener(trigger),
        title=title,
        needs=tuple(matcher(need) for need in needs),
        frame=frame,
        skip=Skips(skip),
        pick=pick,
        alias=alias,
        origin=origin,
        stack=stack,
        corrupted=corrupted,
    )


def group(*headers: str, ignore: Iterable[str] = (), beyond: int = 0, formats: Iterable[Format]) -> Group:
    """Return a group; `ignore` are regexes for the whole first line."""
    patterns = "|".join(ignore)
    return Group(
        headers=headers,
        formats=tuple(formats),
        ignore=re.compile(patterns.encode()) if patterns else None,
        beyond=beyond,
    )
