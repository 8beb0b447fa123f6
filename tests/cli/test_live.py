"""What is seen of `rig compare` while it works, with scripted guests: on a terminal, and in a log."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path

import pyte
import pytest
from click.testing import CliRunner

from rig.cli import live, main
from rig.errors import Exit
from rig.events import (
    Boot,
    Coming,
    Detail,
    Doing,
    Planned,
    Seen,
    TrialDone,
    TrialStarted,
    WorkloadDone,
    WorkloadStarted,
)
from tests import values
from tests.guest import fake
from tests.guest.fake import Behaviour, Command
from tests.lab import SPLAT

PROGRESS = '@progress {"iterations":7,"l2_entries":9}\n'
GOOD = Command(output=PROGRESS + '@detectors {"debug_locks":1}\n')
BAD = Command(output=PROGRESS, console=SPLAT)
ENDLESS = Command(output=PROGRESS, console=SPLAT, again=True)
TITLE = "WARNING in kvm_tdp_mmu_zap_all"
# The image is the one thing that would take time.
RIG = """
import sys
from pathlib import Path
from rig import pipeline
from rig.cli import main
from rig.model import Image
image = sys.argv.pop(2)
async def build(progress):
    return Image(path=Path(image), digest="")
pipeline.image.build = build
main()
"""
WAIT = 60.0  # seconds, for what takes two
WIDTH, HEIGHT = 80, 24
SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"
MOVES = re.compile(r"\x1b(?!\[[0-9;]*m)")
COLOURED = re.compile(r"\x1b\[[0-9;]*3[0-7]")
VARIABLES = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


class Terminal:
    """A terminal of which a program has the other end as its stderr."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.heard = ""
        self._stream = pyte.ByteStream(self.screen)
        self._ours, self.theirs = pty.openpty()
        self.resize(WIDTH, HEIGHT)

    def resize(self, width: int, height: int) -> None:
        """Become of another size."""
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.screen.resize(height, width)

    @property
    def text(self) -> str:
        """What a person sees."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, seen: Callable[[str], bool]) -> None:
        """Wait until what is seen is so."""
        end = time.monotonic() + WAIT
        while not seen(self.text):
            assert time.monotonic() < end, self.text
            self.listen(0.1)

    def listen(self, seconds: float) -> bool:
        """Take what comes."""
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        said = os.read(self._ours, 65536)
        self._stream.feed(said)
        self.heard += said.decode(errors="replace")
        return True

    def listen_all(self) -> None:
        """Take all that comes until it is quiet."""
        while self.listen(0.1):
            pass

    def close(self) -> None:
        os.close(self._ours)
        os.close(self.theirs)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an environment that asks for nothing."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def start(own_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `rig compare` on two scripted kernels, with base and patched doing what is given."""
    for name in ("base", "patched"):
        (own_dirs / name).write_bytes(bytes(0x1F1) + b"\0" * 0x11 + b"HdrS" + bytes(4096))
    (own_dirs / "image").touch()
    started: list[subprocess.Popen[str]] = []

    def rig(*arguments: str, stderr: int, base: Command = GOOD, patched: Command = GOOD) -> subprocess.Popen[str]:
        does = {"base": base, "patched": patched}
        guests = {name: Behaviour(commands={"root-churn": GOOD, "vm-teardown": each}) for name, each in does.items()}
        fake.install(own_dirs, monkeypatch, by_kernel=guests)
        kernels = (str(own_dirs / "base"), str(own_dirs / "patched"))
        words = ("-w", "root-churn", "-w", "vm-teardown", "-n", "1", "-j", "1", "--confirm", "0", "--accel", "tcg")
        argv = (sys.executable, "-c", RIG, "compare", str(own_dirs / "image"), *kernels, *words, *arguments)
        # What readline, of which pytest may have need, puts into C's environment is not in this one: COLUMNS, LINES.
        environment = dict(os.environ)
        started.append(
            subprocess.Popen(
                argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        )
        return started[-1]

    yield rig
    for each in started:
        each.kill()
        each.communicate()


Start = Callable[..., "subprocess.Popen[str]"]


# ---- the whole of it


def test_a_terminal_shows_trials_and_reports_whatever_its_size_and_is_left_in_order(
    start: Start, terminal: Terminal
) -> None:
    rig = start(stderr=terminal.theirs, patched=ENDLESS)
    terminal.until(lambda text: TITLE in text and "iterations" in text)
    assert re.search(r"^ +root-churn +vm-teardown$", terminal.text, re.MULTILINE)
    assert re.search(r"^base +PASS +PASS$", terminal.text, re.MULTILINE)
    assert re.search(r"^patched +PASS +run \d+s$", terminal.text, re.MULTILINE)
    assert re.search(r"^patched vm-teardown \d+s  7 iterations, 9 l2 entries$", terminal.text, re.MULTILINE)
    assert f"! 1 patched: {TITLE} (vm-teardown)" in terminal.text

    terminal.resize(40, 10)
    terminal.until(lambda text: re.search(r"^! 1 patched: .*…$", text, re.MULTILINE) is not None)
    assert terminal.text.count("1 of 2 trials, ") == 1

    rig.send_signal(signal.SIGINT)
    assert rig.wait(WAIT) == Exit.INTERRUPTED
    terminal.listen_all()
    assert terminal.text.count("1 of 2 trials, ") == 1, terminal.text
    assert "rig: interrupted; nothing is left runnin" in terminal.text
    assert terminal.heard.rindex(SHOW) > terminal.heard.rindex(HIDE)


def test_a_finished_one_leaves_each_trial_once(start: Start, terminal: Terminal) -> None:
    out, _ = start(stderr=terminal.theirs).communicate(timeout=WAIT)
    terminal.listen_all()
    assert "CLEAN" in out
    assert "\x1b" not in out
    assert len(re.findall(r"^(?:base|patched) +PASS +PASS$", terminal.text, re.MULTILINE)) == 2, terminal.text
    assert "2 of 2 trials, in " in terminal.text
    assert terminal.heard.rindex(SHOW) > terminal.heard.rindex(HIDE)


def test_a_log_gets_a_line_for_each_event_without_escapes(start: Start) -> None:
    _, said = start(stderr=subprocess.PIPE, patched=BAD).communicate(timeout=WAIT)
    assert "\x1b" not in said
    started, ended = (line for line in said.splitlines() if line.startswith("base 1: "))
    assert started == "base 1: booting base"
    assert re.fullmatch(r"base 1: root-churn PASS, vm-teardown PASS \(1 of 2 trials, \d+s(, about \d+s left)?\)", ended)
    assert f"reports: {TITLE} (2 of 2 trials" in said


# ---- what is chosen, and what it says


def watched(*, verbose: bool = False, quiet: bool = False) -> None:
    """Tell whoever `shown` chooses of a trial."""
    boot = Boot(side="base", kernel="mine", index=1)
    outcome = values.outcome("root-churn", seconds=3.0)
    trial = values.trial("base", ("root-churn", values.report(f"{TITLE}\x1b[31m")), outcomes=(outcome,))
    with live.shown(verbose=verbose, quiet=quiet) as progress:
        progress.note("hello \x1b[2J")
        progress.tell(Planned(trials=(Coming(side="base", kernel="mine", workloads=("root-churn",)),), jobs=1))
        with progress.task("building", total=3) as task:
            task.advance(text="a.o")
        progress.tell(Detail(text="make bzImage"))
        progress.tell(TrialStarted(boot=boot, workloads=("root-churn",)))
        progress.tell(WorkloadStarted(boot=boot, workload="root-churn", limit=130.0))
        progress.tell(Doing(boot=boot, workload="root-churn", text="3 iterations"))
        progress.tell(WorkloadDone(boot=boot, outcome=outcome))
        progress.tell(Seen(boot=boot, workload="root-churn", title=f"{TITLE}\x1b[31m"))
        progress.tell(TrialDone(boot=boot, trial=trial))


@pytest.fixture
def seen(terminal: Terminal, plainly: None) -> Callable[..., Terminal]:
    """Have it told to a terminal, and return that."""

    def watch(**given: bool) -> Terminal:
        terminal.heard = ""
        with open(terminal.theirs, "w", closefd=False) as file, redirect_stderr(file):
            watched(**given)
        terminal.listen_all()
        return terminal

    return watch


def test_a_terminal_gets_the_view(seen: Callable[..., Terminal]) -> None:
    terminal = seen()
    assert HIDE in terminal.heard
    assert f"! 1 mine: {TITLE}\\x1b[31m (root-churn)" in terminal.text
    assert "mine 1: booting" not in terminal.text


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", "unknown"), ("TTY_INTERACTIVE", "0")])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    seen: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    terminal = seen()
    assert "mine 1: booting mine" in terminal.text
    assert not MOVES.search(terminal.heard)


def test_no_color_leaves_the_view_without_colours(
    seen: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert COLOURED.search(seen().heard)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = seen()
    assert HIDE in terminal.heard
    assert not COLOURED.search(terminal.heard)


def test_verbose_says_all_above_the_view(seen: Callable[..., Terminal]) -> None:
    terminal = seen(verbose=True)
    assert terminal.text.index("mine 1: root-churn PASS in 3s") < terminal.text.index("1 of 1 trials, in ")


def test_a_log_gets_colours_only_if_they_are_forced_and_no_cursor(
    plainly: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watched()
    assert "\x1b" not in capsys.readouterr().err
    monkeypatch.setenv("FORCE_COLOR", "1")
    watched()
    said = capsys.readouterr().err
    assert COLOURED.search(said)
    assert not MOVES.search(said)


def test_verbose_lines_tell_of_builds_limits_and_workloads(plainly: None, capsys: pytest.CaptureFixture[str]) -> None:
    watched()
    terse = capsys.readouterr().err.splitlines()
    watched(verbose=True)
    more = [line for line in capsys.readouterr().err.splitlines() if line not in terse]
    assert more == [
        "make bzImage",
        "mine 1: booting mine for root-churn",
        "mine 1: root-churn begins, for at most 2:10",
        "mine 1: root-churn PASS in 3s, 5 iterations, 5 l2 entries",
    ]


def test_what_goes_on_gets_a_line_now_and_then(
    plainly: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live, "EVERY", 0.0)
    watched()
    said = capsys.readouterr().err
    assert "mine 1: root-churn, 0s: 3 iterations" in said
    assert re.search(r"^building \[#+-+\] 1/3 0s (about 0s left )?a\.o$", said, re.MULTILINE)


def test_quiet_says_nothing(plainly: None, capsys: pytest.CaptureFixture[str]) -> None:
    watched(quiet=True)
    assert capsys.readouterr().err == ""


def test_quiet_and_verbose_exclude_each_other(own_dirs: Path) -> None:
    result = CliRunner().invoke(main, ("compare", "base", "patched", "--quiet", "--verbose"))
    assert result.exit_code == Exit.USAGE
