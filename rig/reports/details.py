"""What a report says in words, as fields: the memory access, the locks, the message. No I/O.

Tables of regexes that are tried at the start of a line. Named groups become fields; what several lines say about one
field the first of them decides.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, pairwise

from rig.model import Access, Lock
from rig.reports import frames, skips, traces
from rig.reports.rules import PC, matcher

_FAR = 200  # lines of a report in which its details are looked for
_NEAR = 8  # lines above a report that may be its message

_GROUP_NAME = re.compile(r"\(\?P<\w+>")


class _Table:
    """Rows that are tried at the start of a line, all at once."""

    def __init__(self, *patterns: str) -> None:
        self._rows = tuple(map(matcher, patterns))
        self._any = matcher("|".join(f"(?:{_GROUP_NAME.sub('(?:', pattern)})" for pattern in patterns))

    def has(self, line: str) -> bool:
        """Whether a row says something about a line."""
        return self._any.match(line) is not None

    def matches(self, lines: Iterable[str]) -> Iterator[re.Match[str]]:
        """Yield what each row says about each line."""
        for line in filter(self._any.match, lines):
            yield from filter(None, (row.match(line) for row in self._rows))


# ---- access

_OBJECT = r"(?:allocated |freed )?(?P<region>\d+)-byte region \["
_DATA = "BUG: Unable to handle kernel data access"
ACCESS = _Table(
    # KASAN
    r"(?P<kind>Read|Write) of size (?P<bytes>\d+)(?: at addr (?P<address>[0-9a-f]+))? by task (?P<task>.+/\d+)",
    r"(?P<kind>Read|Write|Free) (?:at|of) addr (?P<address>[0-9a-f]+) by task (?P<task>.+/\d+)",
    r"BUG: KASAN: (?:double-free or )?(?P<kind>invalid-free|double-free) ",
    r"BUG: KASAN: .* (?:on address|at addr) (?P<address>[0-9a-f]+)",
    r"KASAN: .* in range \[0x(?P<real>[0-9a-f]+)-",  # below a fault on the shadow of an address
    r" *+(?:The buggy address belongs to the object at .*)?which belongs to the cache (?P<cache>\S+) of"
    r" size (?P<object>\d+)",
    r"The buggy address is located (?P<where>\d+ bytes (?:inside|to the (?:left|right)) of)",
    rf" {_OBJECT}",
    r"The buggy address (?:belongs|is located in) (?:to )?(?P<where>stack of task .+/\d+)",
    # KFENCE
    r"(?P<kind>Invalid free) of 0x(?P<address>[0-9a-f]+)",
    r"(?:Use-after-free|Invalid) (?P<kind>read|write) at 0x(?P<address>[0-9a-f]+)",
    r"Out-of-bounds (?P<kind>read|write) at 0x(?P<address>[0-9a-f]+) \((?P<where>\d+B (?:left|right) of)",
    r"(?P<kind>Corrupted) memory at 0x(?P<address>[0-9a-f]+)",
    r"kfence-#\d+[^:]{0,99}: .* size=(?P<object>\d+), cache=(?P<cache>[^\s,]+)",
    # KMSAN, KCSAN
    r"Memory access of size (?P<bytes>\d+) starts at (?P<address>[0-9a-f]+)",
    r"(?P<kind>read-write|read|write)(?: \(.*\))? to 0x(?P<address>[0-9a-f]+) of (?P<bytes>\d+) bytes by",
    # faults, as each architecture tells them
    r"BUG: unable to handle page fault for address: (?P<address>[0-9a-f]+)",
    r"BUG: [Kk]ernel NULL pointer dereference(?: on (?P<kind>read|write))?"
    r"(?:, address:| at) (?:0x)?(?P<address>[0-9a-f]+)",
    r"BUG: unable to handle kernel (?:paging request|NULL pointer dereference) at (?P<address>[0-9a-f]+)",
    rf"{_DATA}(?: on (?P<kind>read|write))? at (?:0x)?(?P<address>[0-9a-f]+)",
    r"Unable to handle kernel .* at virtual address (?P<address>[0-9a-f]+)",
    r"(?:Oops: )?general protection fault, .* for non-canonical address 0x(?P<address>[0-9a-f]+)",
    r"#PF: (?:supervisor|user) (?P<kind>read access|write access|instruction fetch)",
    r" *+(?:CM = \d, )?WnR = (?P<wnr>[01])",
    r"(?:Oops: )?Oops: (?P<code>[0-9a-f]{4}) \[#",
    # UBSAN, usercopy, SLUB
    r"(?P<where>index -?\d+ is out of range for type '.+')",
    r"usercopy: Kernel memory (?P<kind>exposure|overwrite) .* '(?P<cache>[^'\s]+)'"
    r" \(offset \d+, size (?P<bytes>\d+)\)",
    r"BUG (?P<cache>[\w:-]+) \(.*\): (?:.* (?P<kind>overwritten|free)$)?",
    r"(?:INFO: )?0x(?P<address>[0-9a-f]+)-0x[0-9a-f]+ @offset=",
)
KINDS = {
    "invalid-free": "free",
    "double-free": "free",
    "Invalid free": "free",
    "Corrupted": "write",
    "instruction fetch": "execute",
    "exposure": "read",
    "overwrite": "write",
    "overwritten": "write",
    "read-write": "write",
}
_VARIABLE = "The buggy address belongs to the variable:"
TASK = matcher(r"CPU: \d+ (?:UID: \d+ )?PID: (\d+) Comm: (.+?) (?:Not tainted|Tainted|Kdump)")
_WRITES, _FETCHES = 1 << 1, 1 << 4  # of x86's page fault error code


def access(lines: Sequence[str]) -> Access | None:
    """Return the memory access that a report's own lines are about, None if it is about something else."""
    said: dict[str, str] = {}
    for found in ACCESS.matches(lines[:_FAR]):
        said = {name: text for name, text in found.groupdict().items() if text} | said
    said |= _variable(lines[:_FAR])
    if not said.keys() - {"code", "wnr"}:
        return None
    size = said.get("region") or said.get("object")
    return Access(
        kind=_kind(said),
        size=int(said["bytes"]) if "bytes" in said else None,
        address=said.get("real") or said.get("address", ""),
        task=said.get("task") or _task(lines),
        cache=said.get("cache", ""),
        object_size=int(size) if size else None,
        where=said.get("where", ""),
    )


def _variable(lines: Sequence[str]) -> dict[str, str]:
    names = (line.strip() for above, line in pairwise(lines) if above == _VARIABLE)
    return next(({"where": f"the variable {name}"} for name in names), {})


def _kind(said: dict[str, str]) -> str:
    if "kind" in said:
        return KINDS.get(said["kind"], said["kind"].lower().removesuffix(" access"))
    if "wnr" in said:
        return "write" if said["wnr"] == "1" else "read"
    if "code" in said:
        code = int(said["code"], 16)
        return "execute" if code & _FETCHES else "write" if code & _WRITES else "read"
    return ""


def _task(lines: Sequence[str]) -> str:
    found = next(filter(None, map(TASK.match, lines[:_FAR])), None)
    return f"{found[2]}/{found[1]}" if found else ""


# ---- locks

_USAGE = r"(?P<usage>\{[^{}]*\}(?:-\{\d+:\d+\})?)"
_CLASS = rf"\((?P<name>.+?)\){_USAGE}"
_LOCK = matcher(rf" *+(?:#\d+: *)?(?:[0-9a-fx]+ )?{_CLASS}(?:, *at: *(?:{PC} *)?(?P<site>[A-Za-z_]\w*))?")
_CHAINED = matcher(rf"-> #(?P<number>\d+) {_CLASS}:")
_TOLD = matcher(rf" *+-> {_CLASS}(?: ops: \d+)? \{{")  # how it was taken before
_ACQUIRED = matcher(r" *+\.\.\. acquired at:")
_LISTED = matcher(r" *+#\d+: ")
_LISTING = matcher(r"\d+ locks? held by .*:")
_ALL_LISTED = matcher("Showing all locks held in the system")
_UNLOCKED = matcher(r".* is trying to release lock \((?P<name>.+)\) at:")
_SITE = matcher(rf" *+(?:{PC} *)?(?P<site>[A-Za-z_]\w*)[.+]")
WANTED = _Table(
    r".* is trying to (?:acquire(?: lock)?|lock):",
    r".* just changed the state of lock:",
    r"but this lock (?:took another|was taken by another), .* lock in the past:",
    r"but this new dependency connects a .* lock:",
    r"to a .*-unsafe lock:",
    r".*\] takes:",
)
HELD = _Table(
    r"(?:but|and this) task is already holding(?: lock)?:",
    r".*, with a lock still held there!",
)


def locks(lines: Sequence[str]) -> tuple[Lock, ...]:
    """Return the locks that a lockdep report's own lines are about, in the order they name them.

    A circular dependency's whole chain comes behind the lock wanted and the one held, as far as it says more. Where
    no lock is singled out, or the locks held are the trouble, they are those that the reporting task holds.
    """
    if not any(" lock" in line for line in lines):
        return ()
    taken = dict(_taken(lines))
    named = tuple(replace(lock, site=lock.site or taken.get(lock.name, "")) for lock in _named(lines))
    names = {lock.name for lock in named}
    named += tuple(lock for number, lock in _chained(lines) if lock.name not in names or (number and lock.site))
    if not named or "Invalid wait context" in lines[0]:
        named += tuple(_listed(lines))
    placed = {lock.name for lock in named if lock.site}
    kept = (lock for lock in named if lock.site or lock.name not in placed)
    return tuple({(lock.name, lock.site, lock.held): lock for lock in kept}.values())


def _named(lines: Sequence[str]) -> Iterator[Lock]:
    for above, line in pairwise(lines):
        if "release lock" in above and (unlocked := _UNLOCKED.match(above)):
            site = _SITE.match(line)
            yield Lock(name=unlocked["name"], site=site["site"] if site else "")
        elif lock := _LOCK.match(line):
            held = HELD.has(above)
            if held or WANTED.has(above):
                yield _lock(lock, held=held)


def _lock(found: re.Match[str], *, held: bool) -> Lock:
    return Lock(name=found["name"], usage=found["usage"], site=found["site"] or "", held=held)


def _chained(lines: Sequence[str]) -> Iterator[tuple[int, Lock]]:
    """Yield the links of the chain; number 0 is the lock that is wanted, once more."""
    for at, line in enumerate(lines):
        if found := _CHAINED.match(line):
            yield int(found["number"]), Lock(name=found["name"], usage=found["usage"], site=_taker(lines[at + 1 :]))


def _taken(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield which lock was taken by whom, where a report tells all about locks of the past."""
    name = ""
    for at, line in enumerate(lines):
        if found := _TOLD.match(line):
            name = found["name"]
        elif name and _ACQUIRED.match(line):
            yield name, _taker(lines[at + 1 :])


def _taker(lines: Sequence[str]) -> str:
    """Return who took a lock by the stack in `lines`."""
    names = (name for line in _until_blank(lines) for name in frames.functions(line) if name not in skips.BLAMELESS)
    return next(names, "")


def _until_blank(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if not line.strip():
            return
        yield line


def _listed(lines: Sequence[str]) -> Iterator[Lock]:
    """Yield the locks in the first list of those that a task holds, if it isn't one of all tasks."""
    start = next((at for at, line in enumerate(lines) if _LISTING.match(line) or _ALL_LISTED.match(line)), len(lines))
    for line in lines[start + 1 :]:
        lock = _LOCK.match(line)
        if not (lock and _LISTED.match(line)):
            return
        yield _lock(lock, held=True)


# ---- message

_ABOVE = "------------[ cut here ]------------"
_PANIC = "Kernel panic"  # what is right above it is why
_OTHER = re.compile("WARNING:|kernel BUG at")
MESSAGES = _Table(  # the group `said`, or all of what matches
    r"refcount_t: .*",
    r"list_(?:add|del)[ _](?:corruption|double add).*",
    r"usercopy: .*",
    r"skbuff: (?:skb_\w+_panic|__skb_\w+): .*",
    r"page dumped because: (?P<said>(?!kasan: ).*)",
    r"KASAN: .* in range .*",
    r"BUG [\w:-]+ \(.*\): (?P<said>(?!kasan: ).*)",
    r"(?:watchdog: )?BUG: soft lockup - (?P<said>.*)",
    r"(?:NMI )?[Ww]atchdog: .*(?P<said>(?:CPU \d+ (?:self-)?detected )?hard LOCKUP.*)",
    r"BUG: workqueue lockup - (?P<said>.*)",
    r"INFO: task (?P<said>.*)",
    r"(?:rcu: )?INFO: (?P<said>rcu_\w+ (?:self-)?detected [^:(]*)",
    r"kmemleak: (?P<said>\d+ new susp\w+ memory leaks)",
    r"(?:kmemleak: )?(?P<said>unreferenced object .*):",
    r"[\w/.-]+\.[ch]:\d+ .*!$",  # of RCU
    r"inconsistent \{.*\} -> \{.*\} usage\.",
    r"in_atomic\(\): .*",
    r"value changed: .*",
    r"(?:index|shift exponent|signed integer overflow|unsigned integer overflow|load of|member access|null pointer)"
    r"\b.*",
    r"mce: \[Hardware Error\]: (?P<said>.*)",
)


def message(before: Sequence[str], lines: Sequence[str]) -> str:
    """Return what a report says beside its title, in one line, "" if nothing: the words of a WARN() or BUG() above it,
    or what the table knows in its own lines. `before` are the lines above it.
    """
    near = before[-_NEAR:]
    cause = _said(near) if lines and _PANIC in lines[0] else iter(())
    return _above(near) or next(chain(cause, _said(lines[:_FAR])), "")


def _above(before: Sequence[str]) -> str:
    """Return the words that stand between the cut and a report, or that the table knows right above the cut."""
    if _ABOVE not in before:
        return ""
    cut = len(before) - 1 - before[::-1].index(_ABOVE)
    words = " ".join(line.strip() for line in before[cut + 1 :] if not _dumped(line))
    if _OTHER.search(words):  # of a report between
        return ""
    return words or next(_said(before[max(0, cut - 2) : cut]), "")


def _dumped(line: str) -> bool:
    """Whether a line is of a register dump or stack, which another CPU prints meanwhile."""
    return line.startswith((" ", "RIP:")) or traces.DUMPED.match(line) is not None


def _said(lines: Iterable[str]) -> Iterator[str]:
    for found in MESSAGES.matches(lines):
        yield (found.groupdict().get("said") or found[0]).strip()
