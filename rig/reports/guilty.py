"""The source file to blame for a symbolized report. No I/O."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from posixpath import dirname, normpath

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
_PLACE = re.compile(r"(?<![\w./-])([\w./-]{1,255}\.[ch]):\d+", re.ASCII)
_LONGEST = 2048  # of a line


def guilty(lines: Sequence[str]) -> str:
    """Return the source file to blame for the report in `lines`; "" if they name none."""
    stalled = any(_RCU_STALL.search(line[:_LONGEST]) for line in lines)
    starts = [_below(lines, mark) for mark in _INTERRUPTED] if stalled else []
    return next((file for start in (*starts, 0) if (file := _guilty(lines[start:]))), "")


def _below(lines: Sequence[str], mark: str) -> int:
    return next((number + 1 for number, line in enumerate(lines) if mark in line), len(lines))


def _guilty(lines: Sequence[str]) -> str:
    files = list(dict.fromkeys(_files(lines)))
    suspects = [file for file in files if not BLAMELESS.match(file)]
    if not suspects:
        return files[0] if files else ""
    chosen = suspects[0]
    for file in suspects:
        if dirname(file).startswith(f"{dirname(chosen)}/"):
            chosen = file
    return chosen


def _files(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if not _BESIDE_THE_POINT.search(line[:_LONGEST]):
            yield from (normpath(place) for place in _PLACE.findall(line[:_LONGEST]))
