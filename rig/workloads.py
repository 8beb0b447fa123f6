"""The table of workloads, and how what they print is read. No I/O."""

import re
import signal
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, TypeAdapter

from rig import ktap, selftests, yamlfile
from rig.errors import InputError
from rig.model import Case, Left, Metric, MetricKind, Outcome, Selftests, Status, Workload
from rig.selftests import Suite

# The kernel speaks of hangs after up to 24 s (soft lockup), 40 s (RCU) and 70 s (tasks), whatever runs the guest.
HANG_SPEAKS_AFTER = 100.0
TESTS_TAKE = 600.0  # seconds, up to: each thing a test does in the guest has a limit of its own
LAST_LINES = 40  # of a workload's output that are kept
LONGEST_LINE = 500  # characters
MOST_METRICS = 1000
SKIPPED = 4
USAGE = 2
VALUES = ("seconds", "vcpus", "threads", "seed")  # of a plan, that arguments can name
UPLOADS = "/tmp"  # in the guest
SHOWN = 5  # names of tests in a reason
NO_TESTS = 5  # as pytest says it
NOT_RUN = (126, 127)
PROGRESS, SKIP, CASE, DETECTORS, METRIC = "@progress ", "@skip ", "@case ", "@detectors ", '{"metric"'
LOOKING = "@looking "  # what rig-run is busy with
LEFT = "@left "  # what rig-run found the kernel to hold on to
ERROR = "@error "  # why tests could not be run
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]")  # for a marker's name
UNFINISHED = "did not end"  # the reason of a test that has begun
# Detectors, and the key of rig-run's answer that is 0 once one is spent.
ALIVE = {"lockdep": "debug_locks", "kasan": "kasan", "kmemleak": "kmemleak"}


class Entry(yamlfile.Strict):
    """One workload of configs/workloads.yaml, under its name."""

    name: str = ""  # the key it stands under
    program: str = Field(pattern=r"^/")
    description: str
    args: tuple[str, ...] = tuple(word for name in VALUES for word in (f"--{name}", f"{{{name}}}"))
    overshoot: float = Field(default=5.0, ge=0)  # seconds beyond those asked for, on real hardware


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A file of the user's, on the host: a program or script to run in the guest, or pytest tests to run beside it."""

    path: Path
    args: tuple[str, ...] = ()  # may name the plan's values, as an Entry's
    tests: bool = False
    test: str = ""  # the one of them to run, as pytest names it behind "::"

    @property
    def name(self) -> str:
        """Return its name as a workload, which stands in markers and file names."""
        return _UNFIT.sub("-", self.path.name)

    @property
    def description(self) -> str:
        """Return what it is."""
        return f"your own {self.path}{', pytest tests' if self.tests else ''}"


Listed = Entry | Suite


def load(text: str, where: str) -> dict[str, Listed]:
    """Return the workloads of the YAML `text` by name; raises InputError naming `where` and the entry."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not YAML: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected workloads by name, found {type(data).__name__}")
    return {str(name): _entry(str(name), fields, where) for name, fields in data.items()}


def _entry(name: str, fields: object, where: str) -> Listed:
    text, named = yaml.safe_dump(fields), {"name": name}
    if isinstance(fields, dict) and "tests" in fields:
        return yamlfile.parse(Suite, text, f"{where}: {name}").model_copy(update=named)
    entry = yamlfile.parse(Entry, text, f"{where}: {name}").model_copy(update=named)
    check(entry.args, f"{where}: {name}: args")
    return entry


def check(args: tuple[str, ...], where: str) -> None:
    """Raise InputError, naming `where`, unless the values of a plan can be filled in."""
    try:
        _filled(args, dict.fromkeys(VALUES, 1))
    except (KeyError, IndexError, ValueError) as error:
        hint = f"{', '.join(f'{{{name}}}' for name in VALUES)} can be used; a brace itself is written twice"
        raise InputError(f"{where}: can't be filled in: {error}", hint=hint) from error


def _filled(args: tuple[str, ...], values: dict[str, int]) -> tuple[str, ...]:
    return tuple(word.format(**values) for word in args)


def command(
    entry: Listed | Own,
    *,
    seconds: int,
    vcpus: int,
    threads: int,
    seed: int,
    time_scale: float,
    built: Selftests | None = None,
) -> Workload:
    """Return `entry` ready to be run; its limit leaves the kernel time to say what hangs.

    A suite is of the selftests that were `built`.
    """
    values = dict(zip(VALUES, (seconds, vcpus, threads, seed), strict=True))
    if isinstance(entry, Suite):
        suited = entry.suited(emulated=time_scale > 1)
        return selftests.command(suited, built, seconds=seconds, hang_speaks_after=HANG_SPEAKS_AFTER)
    if isinstance(entry, Own):
        needed = max(seconds * time_scale, TESTS_TAKE if entry.tests else 0)
        return _own(entry, values, limit=needed + HANG_SPEAKS_AFTER)
    return Workload(
        name=entry.name,
        argv=(entry.program, *_filled(entry.args, values)),
        seconds=seconds,
        limit=seconds + entry.overshoot * time_scale + HANG_SPEAKS_AFTER,
    )


def _own(entry: Own, values: dict[str, int], *, limit: float) -> Workload:
    here = f"{entry.path}::{entry.test}" if entry.test else str(entry.path)
    return Workload(
        name=entry.name,
        argv=(here if entry.tests else f"{UPLOADS}/{entry.name}", *_filled(entry.args, values)),
        seconds=values["seconds"],
        limit=limit,
        program=entry.path,
        tests=entry.tests,
        environment=tuple((f"RIG_{name.upper()}", str(value)) for name, value in values.items()),
    )


# ---- what a workload prints


class _Line(BaseModel):
    """JSON on a line of its own; keys of later versions are let through."""

    model_config = ConfigDict(frozen=True)


class _Progress(_Line):
    iterations: NonNegativeInt
    l2_entries: NonNegativeInt


class _Measured(_Line):
    metric: str = Field(min_length=1)
    value: FiniteFloat
    unit: str
    kind: MetricKind
    operations: NonNegativeInt = 0


class _Tested(_Line):
    name: str = Field(min_length=1)
    status: Status
    reason: str = ""
    seconds: float = Field(default=0.0, ge=0)


class _Left(_Line):
    what: str
    before: int
    after: int


_ANSWERS = TypeAdapter(dict[str, int])


class Reader:
    """Reads the lines of one workload as they come, in little memory however many there are.

    Where a line starts as a mark or metric and can't be read, the workload's word that it passed is not trusted.
    All other lines are just output.
    """

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._progress = _Progress(iterations=0, l2_entries=0)
        self._metrics: dict[str, Metric] = {}
        self._cases = {case.name: case for case in workload.cases}
        self._ktap = ktap.Reader()
        self._skip = workload.skip
        self._error = ""
        self._answers: dict[str, int] = {}
        self._left: list[Left] = []
        self._unreadable = ""  # the first such line
        self._output: deque[str] = deque(maxlen=LAST_LINES)

    def feed(self, line: str) -> bool:
        """Take the next line, with or without its end; False if it only says again how far the workload has got."""
        line, before = line.rstrip("\r\n"), self._progress.iterations
        try:
            said = self._understood(line)
        except ValueError:  # pydantic's are of that kind
            said = False
            self._unreadable = self._unreadable or line[:LONGEST_LINE]
        if not said:
            self._output.append(line[:LONGEST_LINE])
            for case in self._ktap.feed(line[:LONGEST_LINE]):
                self.take(case)
        return not line.startswith(PROGRESS) or self._progress.iterations != before

    def _understood(self, line: str) -> bool:
        """Take `line` if it is meant for the rig; raises ValueError if it is and can't be read."""
        if line.startswith(PROGRESS):
            self._progress = _Progress.model_validate_json(line.removeprefix(PROGRESS))
        elif line.startswith(METRIC):
            self._measure(_Measured.model_validate_json(line))
        elif line.startswith(CASE):
            self.take(Case(**_Tested.model_validate_json(line.removeprefix(CASE)).model_dump()))
        elif line.startswith(SKIP):
            self._skip = line.removeprefix(SKIP).strip()
        elif line.startswith(ERROR):
            self._error = self._error or line.removeprefix(ERROR).strip()
        elif line.startswith(LOOKING):
            pass
        elif line.startswith(LEFT):
            self._left.append(Left(**_Left.model_validate_json(line.removeprefix(LEFT)).model_dump()))
        elif line.startswith(DETECTORS):
            self._answers = _ANSWERS.validate_json(line.removeprefix(DETECTORS))
        else:
            return False
        return True

    def _measure(self, measured: _Measured) -> None:
        if len(self._metrics) >= MOST_METRICS and measured.metric not in self._metrics:
            raise ValueError("too many metrics")
        self._metrics[measured.metric] = Metric(
            name=measured.metric,
            value=measured.value,
            unit=measured.unit,
            kind=measured.kind,
            operations=measured.operations,
        )

    def take(self, case: Case) -> None:
        """Take the result of one of its tests; the last word about one counts."""
        self._cases[case.name] = case

    def outcome(self, exit_status: int | None, seconds: float, reason: str = "") -> Outcome:
        """Return what came of it.

        `exit_status` is None if it never ended; `reason` is for what only the caller knows.
        """
        status, own_reason = self._judge(exit_status)
        return Outcome(
            workload=self._workload.name,
            status=status,
            reason=reason or own_reason,
            exit_status=exit_status,
            seconds=seconds,
            iterations=self._progress.iterations,
            l2_entries=self._progress.l2_entries,
            metrics=tuple(self._metrics.values()),
            cases=tuple(self._cases.values()),
            output="\n".join(self._output),
            own=self._workload.program is not None,
            detectors_lost=tuple(name for name, key in ALIVE.items() if self._answers.get(key) == 0),
            left=tuple(self._left),
            tainted=self._answers.get("tainted", 0),
        )

    def _judge(self, exit_status: int | None) -> tuple[Status, str]:
        if exit_status is None:
            return Status.FAIL, UNFINISHED
        if self._workload.tests:
            return self._judge_tests(exit_status)
        if exit_status == SKIPPED:
            return Status.SKIP, self._skip or "gave no reason"
        if exit_status == USAGE or exit_status in NOT_RUN:
            return Status.ERROR, f"could not be run: {self._last_words(exit_status)}"
        if exit_status > 128:
            return Status.FAIL, f"killed by {_signal(exit_status - 128)}"
        if exit_status:
            return Status.FAIL, self._last_words(exit_status)
        return self._judge_success()

    def _judge_success(self) -> tuple[Status, str]:
        done = self._progress
        if self._unreadable:
            return Status.ERROR, f"printed what can't be read: {self._unreadable}"
        if self._ktap.missing:
            return Status.ERROR, f"{self._ktap.missing} of its tests gave no result"
        if not ((done.iterations and done.l2_entries) or self._workload.program):
            return Status.FAIL, f"made no progress: {done.iterations} iterations, {done.l2_entries} L2 entries"
        return Status.PASS, ""

    def _judge_tests(self, exit_status: int) -> tuple[Status, str]:
        """Judge by the tests themselves; pytest's status tells the rest."""
        cases = tuple(self._cases.values())
        failed = [case.name for case in cases if case.status.failed]
        if self._error or self._unreadable:
            return Status.ERROR, self._error or f"printed what can't be read: {self._unreadable}"
        if failed:
            return Status.FAIL, f"{len(failed)} of {len(cases)} tests failed: {_few(failed)}"
        if exit_status not in (0, NO_TESTS):
            return Status.ERROR, f"pytest could not go on: {self._last_words(exit_status)}"
        if any(case.status is Status.PASS for case in cases):
            return Status.PASS, ""
        if cases or self._skip:
            return Status.SKIP, cases[0].reason if cases else self._skip
        return Status.ERROR, "there was no test to run"

    def _last_words(self, exit_status: int) -> str:
        words = next((line.strip() for line in reversed(self._output) if line.strip()), "it said nothing")
        return f"exit status {exit_status}: {words}"


def _few(names: list[str]) -> str:
    return ", ".join((*names[:SHOWN], "…") if len(names) > SHOWN else names)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
