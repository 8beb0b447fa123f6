"""A console log to its reports, in one pass. No I/O."""

import re

from rig.model import Report
from rig.reports import cut, naming, titles
from rig.reports.console import Console
from rig.reports.types import type_of

_PANIC = b"Kernel panic - not syncing"
_DISCONNECTED = b"serialport: VM disconnected."
_EXECUTOR = re.compile(r" Comm: syz\.(\d+)\.(\d+) ")
_SUPPRESSED = (  # by trouble of whoever ran the test, anywhere in the log
    re.compile(rb"Out of memory: Kill(?:ed)? process [^\n]{0,100}\((?:syz-executor|sshd)\)"),
    re.compile(rb"runtime: out of memory"),
    re.compile(rb"SYZFAIL: SIGBUS"),
    re.compile(rb"signal SIGBUS"),
    re.compile(rb"INIT: PANIC: segmentation violation!"),
    re.compile(rb"\*\*\* stack smashing detected \*\*\*: terminated"),
)


def parse(log: bytes) -> tuple[Report, ...]:
    """Return every report of a console log, in console order.

    Any bytes will do; the cost is linear in them. Titles follow syzkaller's conventions (see `families`).
    """
    console = Console(log)
    found = cut.openings(console)
    return _read(console, found) if found else ()


def _read(console: Console, found: list[cut.Opening]) -> tuple[Report, ...]:
    cutter = cut.Cutter(console, found)
    names: dict[tuple[int, int, tuple[str, ...]], naming.Name] = {}
    panic = console.log.rfind(_PANIC)
    suppressed = any(trouble.search(console.log) for trouble in _SUPPRESSED)
    disconnected = "the VM was lost" if _DISCONNECTED in console.log else ""
    end = console.raw_end(found[-1].end)
    reports: list[Report] = []
    parsed = 0  # up to where the reports before this one have been read
    for opening in found:
        piece = cutter.cut(opening)
        key = (id(opening.group), piece.window, piece.lines)
        if key not in names:
            header = console.text(opening.header, opening.end)
            names[key] = naming.name(opening.group, header, piece.lines, piece.window)
        called = names[key]
        damage = called.damage or disconnected
        text = "\n".join((*piece.before, *piece.lines))
        executor = _EXECUTOR.search(text)
        reports.append(
            Report(
                title=called.title,
                alt_titles=called.alt_titles,
                type=type_of(called.title),
                frame=titles.frame(called.title),
                corrupted=bool(damage),
                corrupted_reason=damage,
                suppressed=suppressed,
                panicked=panic >= parsed,
                executor=f"proc={executor[1]}, id={executor[2]}" if executor else None,
                context=piece.context,
                start=console.raw_start(opening.start),
                end=end,
                text=text,
            )
        )
        parsed = opening.end
    return tuple(reports)
