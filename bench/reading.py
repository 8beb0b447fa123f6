"""What reading consoles costs: processor time of this process, so that a busy machine changes little."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rig.reports import families
from rig.reports.parse import parse

MB = 1_000_000
CLEAN_SIZE = 16 * MB
HUGE = 1000  # MB
HOSTILE = (
    b"WARNING: mm/.c at ",
    b"status: 0 badaddr: 0 ",
    b"Out of memory: Kill process ",
    b"[<",
    b"f+0x",
    b" in ",
    b"/",
)

Say = Callable[..., None]


def measure(say: Say, logs: Path) -> None:
    """Print the figures; `logs` is a directory of console logs, the project's golden ones by default."""
    clean, reporting = _clean(logs), _reporting(logs)
    own, grep = _cpu(clean), _grep(clean)
    say("clean log, MB per CPU-second", CLEAN_SIZE / MB / own, 60, f"grep -E: {CLEAN_SIZE / MB / grep:.0f}", least=True)
    times = {count: _cpu(reporting * count) for count in (10, 20, 40, 80)}
    told = ", ".join(f"{count}: {seconds * 1000:.0f} ms" for count, seconds in times.items())
    say("80 reports / 8 times 10 reports", times[80] / times[10] / 8, 1.3, told)
    corpus = [path.read_bytes() for path in sorted(logs.glob("*.log"))]
    size = sum(map(len, corpus)) / MB
    spent = _cpu(*corpus)
    say(f"{len(corpus)} logs with reports, MB per CPU-second", size / spent, 10, f"{size:.1f} MB", least=True)
    for word in HOSTILE:
        small, big = (_cpu(b"WARNING: suspicious RCU usage\n" + word * count) for count in (50_000, 200_000))
        say(f"hostile line of {word.decode()!r}, 4 times / once / 4", big / small / 4, 1.5, f"{big * 1000:.0f} ms")
    say(f"peak memory reading {HUGE} MB, MB", _peak(clean, reporting), 300, "with a report every 16 MB")


def _clean(logs: Path) -> bytes:
    log = (logs / "clean.log").read_bytes().replace(b"\r", b"")
    return (log * (CLEAN_SIZE // len(log) + 1))[:CLEAN_SIZE]


def _reporting(logs: Path) -> bytes:
    """Return a console with one report."""
    return (logs / "m10-extra-put-root.log").read_bytes()


def _cpu(*logs: bytes, times: int = 3) -> float:
    """Return the least processor seconds that reading these takes in a few tries."""
    spent = []
    for _ in range(times):
        began = time.process_time()
        for log in logs:
            parse(log)
        spent.append(time.process_time() - began)
    return min(spent)


def _grep(log: bytes) -> float:
    """Return the processor seconds of grep -E looking for the same first words."""
    pattern = "|".join(header for group in families.GROUPS for header in group.headers)
    with tempfile.NamedTemporaryFile() as file:
        file.write(log)
        file.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(("grep", "-E", "-c", pattern, file.name), check=False, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _peak(clean: bytes, reporting: bytes) -> float:
    """Return the peak memory in MB of another process that reads a huge log."""
    argv = (sys.executable, "-m", "rig", "parse", "-", "--format", "jsonl")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin
        for _ in range(HUGE * MB // len(clean)):
            process.stdin.write(clean)
            process.stdin.write(reporting)
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss / 1000
