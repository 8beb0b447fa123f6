"""Reports that were printed at the same time, told apart where printk doesn't say who speaks. No I/O.

With CONFIG_PRINTK_CALLER each line names its task or CPU. Without, a line is given to the report it fits best: by the
process it names, by the kind of report it can be part of, by what a report has only once, and among equals to the
one that has waited longest, as CPUs that print at the same time take turns.
"""

import re
from collections.abc import Sequence
from enum import IntEnum

from rig.reports import frames

_PROCESS = re.compile(
    r"\b[Pp][Ii][Dd]: (\d+)|\bby task [^\n]*?/(\d+)|/(\d+) (?:is|just|for)\b|[\w)]:(\d+)\]|\btask [^\n]*?:(\d+) ",
    re.ASCII,
)
_FUNCTION = re.compile(r"(?:\bat \S+:\d+ |\bin |RIP: \d+:)(\w+)[+.]", re.ASCII)

_MEMORY = r"KASAN|KFENCE|KMSAN|BUG kmalloc|BUG \w+ \("
_LOCKS = r"lock|deadlock|RCU usage|wait context"
_STALLS = r"stall|lockup|LOCKUP|hung"
_TRAPS = (
    r"WARNING: .* at |unable to handle|NULL pointer|fault|kernel BUG|lockup|invalid opcode|divide|int3|stall|LOCKUP|"
    r"stack guard|Oops"
)
_TEXTS = (  # a line, and the first line of a report that can have such
    (r"^(?:Read|Write|Allocated|Freed|Memory state|The buggy|which belongs|Last potentially|[ >]ffff)\b", _MEMORY),
    (r"is trying to |just changed the state|already holding|existing dependency|^-> #|locks? held by", _LOCKS),
    (r"unsafe locking scenario|lock\(|\*\*\* DEADLOCK|rcu_scheduler_active|other info that might", _LOCKS),
    (r"^(?:[ER]?IP|RSP|R[A-D]X|RBP|R\d\d|[CF]S|CR2|DR\d|Code|Modules linked in|#PF|PGD|Oops|CPU#)\b", _TRAPS),
    (r"^---\[ end trace", _TRAPS),
    (r"^in_atomic\(\)|^preempt_count|^RCU nest depth", "sleeping|scheduling while atomic"),
    (r"^caller is ", "in preemptible"),
)
_CALLS = (  # a function in a trace, and the same
    (r"_*(?:k|hw)asan_\w+|print_address_description|print_report|check_region\w*|kmsan_\w+", _MEMORY),
    (r"_*ubsan_\w+", "UBSAN"),
    (r"_*might_(?:sleep|resched)", "sleeping"),
    (r"check_preemption_disabled|debug_smp_processor_id|__this_cpu_preempt_check", "in preemptible"),
    (r"__schedule_bug|schedule_debug", "scheduling while atomic"),
    (r"sched_show_task|dump_cpu_task|(?:print|check)_(?:other_)?cpu_stall|rcu_\w+", _STALLS),
    (r"update_process_times|tick_\w+|trigger_\w+|nmi_\w+|smp_call_function\w*|csd_\w+", _STALLS),
    (r"__schedule|context_switch|__switch_to|schedule(?:_timeout\w*)?", "hung|stall|scheduling"),
    (r"register_lock_class|__lock_acquire|validate_chain|check_\w+|print_circular_bug", f"{_LOCKS}|key"),
)
_KIN = tuple(
    (re.compile(line), re.compile(head))
    for line, head in (*_TEXTS, *((rf"^[ \[].*\b(?:{function})[+.]", head) for function, head in _CALLS))
)
_ONCE = re.compile(  # what a report has once
    r"^(?:Modules linked in|CPU: (?=\d)|Hardware name|RIP: 0010|Call [Tt]race|in_atomic|preempt_count|caller is|"
    r"Read of|Write of|Allocated by|Freed by|The buggy address belongs to the object|---\[ end trace|Code|"
    r"[ER]?[A-D]X|RSP|RBP|R08|R10|R13|FS|CS|CR2|DR0|DR3| *</?(?:TASK|IRQ)>)"
)
_BOTTOM = re.compile(r"^[ \[].*\b(?:entry_SYS\w+|ret_from_fork\w*|secondary_startup_64\w*|el0t?_\w*sync\w*)[+.]")
_KERNEL_IP = re.compile(r"^RIP: 0010:(\w+)", re.ASCII)
_REGISTERS = re.compile(r"(?:RIP: 0010|RSP|R[A-D]X|RBP|R\d\d|FS|CR2|Code): ?")
_REGISTERS_OF_USER = re.compile(r"^RIP: 0033:")


class _Fit(IntEnum):
    NOT = -1
    MAYBE = 0
    WELL = 1


class _Line:
    """What a line says about the report it belongs to."""

    def __init__(self, text: str) -> None:
        self.processes = frozenset(_processes(text))
        self.function = _function(text)
        self.heads = next((head for kind, head in _KIN if kind.search(text)), None)
        self.begins = frames.trace_start(text) is not None
        self.calls = frames.functions(text)
        self.in_trace = bool(self.calls) or _REGISTERS_OF_USER.match(text) is not None
        self.ends = text.strip() in ("</TASK>", "") or _BOTTOM.search(text) is not None
        once = _ONCE.match(text)
        self.once = once[0] if once else ""
        self.registers = text if _REGISTERS.match(text) else ""


class _Thread:
    """What one report had so far."""

    def __init__(self, text: str, now: int) -> None:
        head = _Line(text)
        self._head = text
        self._processes = set(head.processes)
        self._function = head.function
        self._had: set[str] = set()
        self._registers: set[str] = set()
        self._tracing = False
        self._last = now

    def fit(self, line: _Line) -> tuple[int, ...]:
        """Return how well a line goes with it; what comes first weighs most."""
        kin = self._by_kin(line)
        again = line.registers in self._registers  # an oops ends with the registers it began with
        by_process, by_place = self._by_process(line), self._by_place(line)
        return (min(kin, 0), again, by_process, kin, by_place, self._by_function(line), -self._last)

    def take(self, line: _Line, now: int) -> None:
        """Add a line."""
        self._last = now
        self._processes |= line.processes
        self._had.add(line.once)
        if line.registers:
            self._registers.add(line.registers)
        self._tracing = line.begins or (self._tracing and not line.ends)

    def _by_process(self, line: _Line) -> _Fit:
        if not line.processes or not self._processes:
            return _Fit.MAYBE
        return _Fit.NOT if self._processes.isdisjoint(line.processes) else _Fit.WELL

    def _by_kin(self, line: _Line) -> _Fit:
        if not line.heads:
            return _Fit.MAYBE
        return _Fit.WELL if line.heads.search(self._head) else _Fit.NOT

    def _by_place(self, line: _Line) -> _Fit:
        if line.in_trace:
            return _Fit.WELL if self._tracing else _Fit.NOT
        return _Fit.NOT if line.once and line.once in self._had else _Fit.MAYBE

    def _by_function(self, line: _Line) -> _Fit:
        if line.calls:
            return _Fit.WELL if self._function in line.calls else _Fit.MAYBE
        if not line.function or not self._function:
            return _Fit.MAYBE
        return _Fit.WELL if line.function == self._function else _Fit.NOT


def mixed(lines: Sequence[str]) -> bool:
    """Whether the first registers in a report's text are surely another's: its own come later."""
    function = _function(lines[0])
    stopped_in = [found[1] for line in lines[1:] if (found := _KERNEL_IP.match(line))]
    return bool(stopped_in) and stopped_in[0] != function and function in stopped_in


def untangle(lines: Sequence[str], heads: Sequence[int]) -> list[list[int]]:
    """Return for each report the indices of its lines; `heads` are those of the lines that open one, the first is 0."""
    threads: list[_Thread] = []
    owned: list[list[int]] = []
    opening = set(heads)
    for now, text in enumerate(lines):
        if now in opening:
            threads.append(_Thread(text, now))
            owned.append([now])
        else:
            line = _Line(text)
            fits = [thread.fit(line) for thread in threads]
            best = fits.index(max(fits))
            threads[best].take(line, now)
            owned[best].append(now)
    return owned


def _processes(line: str) -> list[str]:
    return [pid for found in _PROCESS.finditer(line) for pid in found.groups() if pid]


def _function(line: str) -> str:
    found = _FUNCTION.search(line)
    return found[1] if found else ""
