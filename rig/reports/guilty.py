"""The source file to blame for a symbolized report. No I/O."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from posixpath import dirname, normpath

from rig.model import Location

# Shell patterns of the files where bugs of others show. virt/kvm and arch/x86/kvm are not among them.
_BLAMELESS = """
*.h
lib/* virt/lib/* mm/kasan/* mm/kmsan/* kernel/rcu/* kernel/locking/* trusty/*
kernel/kcov.c kernel/panic.c kernel/softirq.c kernel/kthread.c kernel/stacktrace.c kernel/workqueue.c
kernel/printk/printk*.c kernel/sched/*.c kernel/time/timer.c
mm/sl?b.c mm/filemap.c mm/folio-compat.c mm/truncate.c mm/memory.c mm/percpu*.c mm/vmalloc.c mm/page_alloc.c
mm/mempool.c mm/util.c
arch/*/kernel/traps.c arch/*/kernel/unwind*.c arch/*/kernel/stacktrace.c arch/*/kernel/apic/apic.c
arch/*/mm/fault.c arch/*/mm/physaddr.c arch/*/lib/crc*
arch/arm64/kernel/entry*.c arch/arm64/kernel/process.c
net/core/dev.c net/core/sock.c net/core/skbuff.c fs/proc/generic.c drivers/usb/core/urb.c
"""
BLAMELESS = re.compile("|".join(translate(pattern) for pattern in _BLAMELESS.split()))

_BESIDE_THE_POINT = re.compile(r"(?:hard|soft)irqs last +(?:en|dis)abled|, at: |^#\d+:|^Register r\d+ information")
_RCU_STALL = re.compile(r"rcu_\w+ (?:self-)?detected(?: expedited)? stall", re.ASCII)
_INTERRUPTED = ("apic_timer_interrupt+0x", "el1h_64_irq+0x", "Exception stack")  # below is what the CPU was at
_PLACE = re.compile(r"(?<![\w./-])([\w./-]{1,255}\.[ch]):(\d{1,9})", re.ASCII)
_NAME = r"(?<![\w.$<>])(?<!::)((?:[\w.$<>]|::){1,512}?)"
_FAR = 1024  # characters from where a name begins to the place behind it
_BEFORE = re.compile(rf"(?:{_NAME}\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[[\w -]+\])?|^\s+{_NAME}) \(?$", re.ASCII)
_AFTER = re.compile(rf" {_NAME}\+0x", re.ASCII)
_LONGEST = 2048  # of a line


def culprit(lines: Sequence[str]) -> Location | None:
    """Return the place to blame for the report in `lines`, None if they name none.

    With the function if the line it is from says so.
    """
    stalled = any(_RCU_STALL.search(line[:_LONGEST]) for line in lines)
    starts = [_below(lines, mark) for mark in _INTERRUPTED] if stalled else []
    return next((found for start in (*starts, 0) if (found := _culprit(lines[start:]))), None)


def _below(lines: Sequence[str], mark: str) -> int:
    return next((number + 1 for number, line in enumerate(lines) if mark in line), len(lines))


def _culprit(lines: Sequence[str]) -> Location | None:
    places = list(_places(lines))
    suspects = [place for place in places if not BLAMELESS.match(place.file)]
    if not suspects:
        return places[0] if places else None
    chosen = suspects[0]
    for place in suspects:
        if dirname(place.file).startswith(f"{dirname(chosen.file)}/"):
            chosen = place
    return chosen


def _places(lines: Sequence[str]) -> Iterator[Location]:
    for line in (whole[:_LONGEST] for whole in lines):
        if _BESIDE_THE_POINT.search(line):
            continue
        for found in _PLACE.finditer(line):
            yield Location(function=_function(line, found), file=normpath(found[1]), line=int(found[2]))


def _function(line: str, place: re.Match[str]) -> str:
    at = place.start()
    named = _BEFORE.search(line, max(0, at - _FAR), at) or _AFTER.match(line, place.end())
    return next(name for name in named.groups() if name) if named else ""
