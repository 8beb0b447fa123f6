"""The values that pass between stages, in pipeline order. No I/O."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

# ---- kernels

Leaks = Literal["always", "suspected", "never"]  # when kmemleak searches after a workload
Building = Literal["there", "next", "first"]  # a kernel: found, built incrementally, or the first of its build tree
Clock = Literal["host", "virtual"]  # what a guest's time follows: the host's clock, or the instructions it has run


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a kernel's tree comes from; `location` is a package, a path or URL, a file, a directory, by kind."""

    kind: Literal["debian", "git", "tarball", "tree"]
    location: str
    rev: str = ""  # git only; "" is the work tree as it is, uncommitted changes included


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A named way to a kernel: a source, patches in order, extra Kconfig lines; or a ready bzImage."""

    name: str
    source: Source | None = None
    patches: tuple[Path, ...] = ()
    kconfig: tuple[str, ...] = ()  # "CONFIG_FOO=y" or "# CONFIG_FOO is not set"
    profiles: tuple[str, ...] = ()  # the profiles it is meant for; () for any
    bzimage: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One step of a series, and the kernel it leads to: all before it are in there too."""

    id: str  # its hash; "" for what is no commit yet: a patch, a work tree's changes
    short: str  # what people call it: "a1b2c3d", "2/3", "work tree"
    subject: str
    message: str  # whole, subject included
    author: str  # "Name <address>"; "" where nobody is named
    date: str  # ISO 8601, of authorship; "" where none is given
    recipe: Recipe
    patch: str = ""  # as a unified diff; "" if it was not asked for
    files: tuple[str, ...] = ()  # that the patch touches, relative to the source tree
    merge: bool = False  # what it merges counts as one with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What leads from a kernel to another in steps, the first one first."""

    base: Recipe
    commits: tuple[Commit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a kernel is built and booted with."""

    name: str
    description: str
    fragments: tuple[Path, ...]  # Kconfig fragments, later ones win
    cmdline: tuple[str, ...]
    detectors: tuple[str, ...]  # expected to be alive: "kasan", "lockdep", …
    leaks: Leaks = "suspected"
    known: tuple[str, ...] = ()  # patterns of titles that a good kernel has too, now and then: passed over
    slowdown: float | None = None  # of the workloads, against the profile without debugging; as once measured

    @property
    def judges_speed(self) -> bool:
        """Whether times and rates mean something: no detector slows the kernel down."""
        return not self.detectors


@dataclass(frozen=True, slots=True, kw_only=True)
class CompilerWarning:
    """One diagnostic of the compiler; `line` is for people and not part of its identity."""

    file: str  # relative to the source tree
    line: int
    function: str  # "" at file scope
    flag: str  # "-Wunused-variable"; "" if none was named
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gcov:
    """What a kernel that counts which of its lines run leaves behind for gcov."""

    notes: Path  # directory of the .gcno files, by the paths of their objects
    unmeasured: tuple[tuple[str, str], ...] = ()  # touched files that it does not count, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A built kernel. `tree`, `config_digest` and `compiler` are "" for a ready bzImage."""

    name: str
    profile: str
    digest: str  # of everything it was made of
    release: str  # as uname -r says
    bzimage: Path
    vmlinux: Path | None = None
    config: Path | None = None
    tree: str = ""  # git tree id of the patched source
    config_digest: str = ""
    compiler: str = ""
    warnings: tuple[CompilerWarning, ...] = ()
    log: Path | None = None
    seconds: float = 0.0  # that building took, when it was built
    source: Source | None = None
    commit: str = ""  # that the source is of, before patches; "" if it came as no git revision
    patches: tuple[str, ...] = ()  # the SHA-256 of each patch applied, in order
    gcov: Gcov | None = None  # None if it counts nothing, as most kernels


@dataclass(frozen=True, slots=True, kw_only=True)
class Selftests:
    """The selftests of a kernel's tree, built."""

    directory: Path  # with a static program for each of `names`
    names: tuple[str, ...]
    scripts: tuple[str, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()  # names, and what is wrong with them


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFailure:
    """A kernel that does not compile."""

    name: str
    profile: str
    errors: tuple[str, ...]  # the compiler's error lines, the first ones first
    log: Path
    seconds: float
    tree: str = ""  # git tree id of the patched source


# ---- guests


@dataclass(frozen=True, slots=True, kw_only=True)
class Accel:
    """Which acceleration really runs a guest that can nest, and how that was found."""

    name: Literal["kvm", "tcg"]
    reason: str
    time_scale: float  # limits meant for real hardware are multiplied by this
    clock: Clock = "host"
    tsc_khz: int = 0  # what guests are told of the rate of their time stamp counter; 0 if they have to find out


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The size of a guest, and how its kernel is set."""

    vcpus: int = 2
    memory_mib: int = 1024
    cmdline: tuple[str, ...] = ()  # words for the kernel's command line: "kvm.tdp_mmu=0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The guest's initramfs."""

    path: Path
    digest: str


class End(StrEnum):
    """How a guest ended."""

    FINISHED = "finished"  # the rig powered it off after the last workload
    PANICKED = "panicked"
    HUNG = "hung"  # silent, or a workload did not come back, until its limit
    REBOOTED = "rebooted"
    KILLED = "killed"  # at the limit of the whole trial or of its console
    LOST = "lost"  # QEMU died
    NEVER_BOOTED = "never booted"


# ---- workloads


class Status(StrEnum):
    """The status of a workload in a trial, as in KCIDB."""

    PASS = "PASS"
    FAIL = "FAIL"
    SKIP = "SKIP"
    ERROR = "ERROR"
    MISS = "MISS"
    DONE = "DONE"

    @property
    def failed(self) -> bool:
        """Whether something went wrong that the rig is not to blame for."""
        return self in (Status.FAIL, Status.ERROR)


class MetricKind(StrEnum):
    """What a metric can be trusted for."""

    EXACT = "exact"  # doesn't depend on time: the same kernel gives the same number
    COUNT = "count"  # of what was got done in the time given
    RATIO = "ratio"  # per operation: depends on time only as far as the mix of operations does
    TIME = "time"
    RATE = "rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test of a workload that consists of several: a selftest, a test function."""

    name: str
    status: Status
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A program in the guest and how to call it; or pytest tests on the host, about the guest."""

    name: str
    argv: tuple[str, ...]  # in the guest, complete; of tests, what pytest is told
    seconds: int  # of stress asked for
    limit: float  # wall seconds after which it counts as hung
    program: Path | None = None  # on the host: the user's own, to be copied to argv[0], unless it holds tests
    tests: bool = False
    environment: tuple[tuple[str, str], ...] = ()  # names and values
    files: tuple[tuple[str, Path], ...] = ()  # in the guest from its boot on, and where they are on the host
    cases: tuple[Case, ...] = ()  # those of its tests whose result is known without running them
    skip: str = ""  # why it can't be run
    leaks: Leaks = "suspected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number a workload measured."""

    name: str
    value: float
    unit: str
    kind: MetricKind
    operations: int = 0  # of which `value` is the sum; 0 if it is no sum over any


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something the kernel held more of after a workload than before, and should not have."""

    what: str  # a slab cache of KVM's, "VMs", "KVM page tables (kB)"
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one workload did in one trial."""

    workload: str
    status: Status
    reason: str = ""
    exit_status: int | None = None
    seconds: float = 0.0
    iterations: int = 0
    l2_entries: int = 0  # how often nested guests reported, by guest-side counters
    metrics: tuple[Metric, ...] = ()
    cases: tuple[Case, ...] = ()  # of a workload that consists of several tests
    output: str = ""  # the end of what it wrote
    detectors_lost: tuple[str, ...] = ()  # not alive any more afterwards
    left: tuple[Left, ...] = ()
    tainted: int = 0  # the bits of the kernel's taint that came with it
    own: bool = False  # a user's program, whose word is taken

    @property
    def progressed(self) -> bool:
        """Whether it did its work, so that seeing nothing means something."""
        return (self.own and self.status is Status.PASS) or (self.iterations > 0 and self.l2_entries > 0)


# ---- reports and trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in the source: of a frame itself, or of a function inlined there."""

    function: str
    file: str  # relative to the source tree where it is in it
    line: int  # 0 if the compiler doesn't say
    patched: bool = False  # the patch under test changed the function, or lines of the file near


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One line of a stack trace: `function+0xOFFSET/0xSIZE [module]`."""

    function: str  # with .isra.0 and the like, demangled
    offset: int | None = None  # bytes; None if the trace doesn't say
    size: int | None = None  # of the function, bytes
    module: str = ""
    reliable: bool = True  # False for what the unwinder only guessed ("? ")
    inline: bool = False  # the console was symbolized, and this one was inlined into the next
    at: tuple[Location, ...] = ()  # once decoded: the innermost inlined function first


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One stack in a report; `what` is how its first line calls it ("Call Trace", "Freed by task 12")."""

    what: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The memory access a report is about, as far as it says."""

    kind: str  # "read", "write", "free", "execute"; "" if it doesn't say
    size: int | None = None  # bytes
    address: str = ""  # hexadecimal
    task: str = ""  # "comm/pid"
    cache: str = ""  # the slab cache the object is of
    object_size: int | None = None
    where: str = ""  # "8 bytes inside of", "0 bytes to the right of" that object; or in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One lock that a lockdep report names, in the report's order."""

    name: str  # its class: "&kvm->mmu_lock", "(&x)->y/1"
    usage: str = ""  # "{+.+.}-{3:3}"
    site: str = ""  # the function that takes or took it
    held: bool = False  # already held, as against wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One kernel complaint on a console. `start` and `end` are byte offsets in the raw log."""

    title: str
    alt_titles: tuple[str, ...] = ()
    type: str = ""
    frame: str | None = None
    corrupted: bool = False
    corrupted_reason: str = ""
    suppressed: bool = False
    panicked: bool = False
    executor: str | None = None
    context: str = ""
    start: int = 0
    end: int = 0
    text: str = ""
    lead: int = 0  # lines at the top of `text` that came before the report itself
    message: str = ""  # what it says in words beside its first line ("refcount_t: underflow; use-after-free.")
    traces: tuple[Trace, ...] = ()
    access: Access | None = None
    locks: tuple[Lock, ...] = ()
    signature: str = ""  # of the bug by its stack and locks; "" if there is no stack to go by
    place: Location | None = None  # in the source, to blame; None unless it was decoded
    source: tuple[tuple[int, str], ...] = ()  # the numbered lines around that place


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A report and the workload it came under ("boot" before the first)."""

    workload: str
    report: Report
    began: float | None = None  # when the workload did, in seconds of the guest's uptime
    at: float | None = None  # when the report came, likewise; None where the console has no times


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One boot of one kernel running a list of workloads, to its end."""

    side: Literal["base", "patched"]
    kernel: str
    index: int  # counts the boots of a side from 1
    planned: tuple[str, ...]  # names of the workloads it was started for
    end: End
    end_reason: str = ""
    console: str  # file name, relative to the run directory
    ready_seconds: float = 0.0  # from power-on to the first command
    seconds: float = 0.0  # from power-on to the end
    outcomes: tuple[Outcome, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    dropped: int = 0  # messages of the kernel that its console had no time for
    began: float = 0.0  # seconds after the run did
    run: str = ""  # the ID of an earlier run that it was made in; "" if it is of this one


# ---- comparison


class FindingStatus(StrEnum):
    """What the patch did to a finding."""

    NEW = "new"
    FIXED = "fixed"
    BOTH = "both"
    MORE_OFTEN = "more often"
    LESS_OFTEN = "less often"
    INCONCLUSIVE = "inconclusive"
    MASKED = "masked"
    SEEN = "seen"  # one kernel ran alone: nothing to compare with


class Verdict(StrEnum):
    """What a comparison says as a whole."""

    CLEAN = "clean"
    REGRESSION = "regression"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """In how many of the trials that could have shown it something was seen."""

    hits: int
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One report (or build, boot, workload failure, compiler warning) over all trials of both sides."""

    title: str
    alt_titles: tuple[str, ...] = ()
    type: str
    status: FindingStatus
    workload: str
    profile: str
    base: Count
    patched: Count
    p_value: float | None = None  # exact, one-sided; None where counting makes no sense (build, warnings)
    explanation: str = ""  # one sentence
    advice: str = ""  # what would settle it; "" where nothing is open
    example: str = ""  # text of its first sighting
    place: Location | None = None  # in the source, to blame
    source: tuple[tuple[int, str], ...] = ()  # the numbered lines around that place
    console: str = ""  # where that is, relative to the run directory
    offset: int = 0  # in that console, bytes
    commit: str = ""  # of a series, the first to show it, as people call it; "" where that is not known
    mended: str = ""  # the commit of the series that no longer shows it; "" if the last one does


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """One metric on both sides."""

    name: str
    unit: str
    workload: str
    kind: MetricKind
    base: tuple[float, ...]  # one value a trial
    patched: tuple[float, ...]
    change: float | None  # of the medians, relative to base; None if base is 0
    p_value: float | None  # of its test by itself
    significant: bool
    low: float | None = None  # of a 95% interval for `change`; None if there are too few values, or base is 0
    high: float | None = None
    q_value: float | None = None  # `p_value`, corrected for how many metrics were tested
    guarded: bool = False  # the plan names it as one that must not rise
    operations: int = 0  # of which each value is the sum; 0 if it is no sum over any


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What both sides had in common, or should have had."""

    accel: str
    accel_reason: str
    qemu: str
    cpu: str
    compiler: str
    image: str
    profile: str
    vcpus: int
    memory_mib: int
    seed: int
    host: str
    base_tree: str
    patched_tree: str
    base_config: str
    patched_config: str
    threads: int = 2  # of each workload
    clock: Clock = "host"
    cmdline: tuple[str, ...] = ()  # what was asked for beside the profile's


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the patch changed."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    metrics: tuple[MetricChange, ...]
    notes: tuple[str, ...] = ()  # what a reader must know to trust the verdict


# ---- the check before sending


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What checkpatch says of a patch."""

    level: Literal["ERROR", "WARNING", "CHECK"]
    kind: str  # "LONG_LINE"
    text: str
    file: str = ""  # "" if it says none
    line: int = 0  # of the file, once patched; 0 if it says none


class Build(StrEnum):
    """What became of building a commit."""

    BUILT = "built"
    FAILED = "failed"
    LEFT_OUT = "left out"  # something before it does not apply, or there was no time


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One commit of a series, and what came of looking at it by itself."""

    id: str  # its hash; "" for what is no commit yet
    short: str  # what people call it: "a1b2c3d", "2/3", "work tree"
    subject: str
    files: tuple[str, ...]  # that it touches
    complaints: tuple[Complaint, ...] = ()
    build: Build = Build.LEFT_OUT
    seconds: float = 0.0  # that building took, when it was built
    warnings: tuple[CompilerWarning, ...] = ()  # that came with it, W=1 in the files touched
    mended: tuple[CompilerWarning, ...] = ()  # that went with it
    unbuilt: tuple[tuple[str, str], ...] = ()  # files it touches that the configuration leaves out, and why
    same: str = ""  # why its kernel does what the one before it does: "only comments changed"; "" if it may not
    trials: tuple[Trial, ...] = ()  # that it was booted in, by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of the check before sending, as planned and as it went."""

    what: str
    expected: float  # seconds
    included: bool  # in what the budget is enough for
    taken: float | None = None  # seconds; None if it was not done
    why: str = ""  # it was left out, or is planned at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """The series compared with its base under another profile than the run's own."""

    profile: str
    comparison: Comparison
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presubmit:
    """What the check before sending found out beside the comparison of the series as a whole."""

    base: str  # as people call it
    commits: tuple[Checked, ...]
    steps: tuple[Step, ...]
    reach: tuple[str, ...] = ()  # what the files touched call for, and why
    nothing: str = ""  # why there was nothing to boot
    further: tuple[Further, ...] = ()


# ---- patch coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedLine:
    """A line that a series adds and that is still there at its tip."""

    file: str  # relative to the source tree
    line: int  # in the tip
    text: str
    function: str  # "" outside of all
    commit: int  # that last wrote it, counted from 0
    count: int | None  # how often it ran; None if it has no code of its own, or none that is counted
    workloads: tuple[str, ...] = ()  # under which it ran, "boot" before the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Which of the lines that a series changes ran in a trial of its tip."""

    lines: tuple[ChangedLine, ...]
    unmeasured: tuple[tuple[str, str], ...] = ()  # files, or functions in them, and why nothing is known of them
    workloads: tuple[str, ...] = ()  # after which was looked
    notes: tuple[str, ...] = ()  # what a reader must know to trust the figures


# ---- runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of a run that is no trial: a build, the image, a round of trials; for its time line."""

    what: str
    began: float  # seconds after the run did
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the plan said of how far to go."""

    workloads: tuple[str, ...]
    seconds: int  # of stress per workload and trial
    repeats: int
    confirm: int
    confidence: float  # wanted of "new" and "fixed"
    budget: float | None  # seconds for the whole run; None for as many as it takes
    guarded: tuple[str, ...] = ()  # patterns of WORKLOAD/METRIC: exact counters that must not rise


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it is kept. `patched` is None when one kernel ran alone; paths in it may be of another host."""

    id: str
    began: str  # ISO 8601, UTC
    seconds: float
    command: str  # that does it again
    base: Kernel | BuildFailure
    patched: Kernel | BuildFailure | None
    trials: tuple[Trial, ...]
    comparison: Comparison
    environment: Environment
    settings: Settings | None = None  # None in a run of an earlier version
    stages: tuple[Stage, ...] = ()
    patch: str = ""  # what makes base's tree that of patched, as a unified diff; "" where it is not known
    presubmit: Presubmit | None = None  # None if it was no check before sending
    coverage: Coverage | None = None  # None if it was not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun:
    """A line of `rig ls`: a run that is finished (`run`), going on, or was interrupted."""

    directory: Path
    run: Run | None
    live: bool
    bytes: int


# ---- the proof that the rig sees

Sure = Literal["yes", "often", "no"]


def kind(title: str) -> str:
    """Return what speaks in a finding's title: "KASAN", "possible deadlock", "memory left behind"."""
    return title.partition(" in ")[0].partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBad:
    """A kernel with a known mistake in it."""

    name: str  # of its recipe
    subject: str  # what its patch claims to do
    expected: tuple[str, ...]  # titles, any of which shows it; one that ends in "..." is how they begin
    workloads: tuple[str, ...]  # that show it, the best one first; () if it shows without any
    profile: str
    sure: Sure

    def shown_by(self, titles: frozenset[str]) -> bool:
        """Say whether a finding with these titles is what was expected."""
        return any(_fits(title, expected) for title in titles for expected in self.expected)


def _fits(title: str, expected: str) -> bool:
    return title.startswith(expected[:-3]) if expected.endswith("...") else title == expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What came of one known-bad kernel."""

    known: KnownBad
    finding: Finding | None  # what was expected, if it was seen
    others: tuple[str, ...]  # titles of what else the kernel introduced
    hits: int
    trials: int
    after: float | None  # seconds of the guest's time from the workload's start to the report; None if it is no report
    seconds: float  # that it took, building included
    run: str  # the run's ID if it was kept; "" otherwise

    @property
    def missed(self) -> bool:
        """Whether the rig was sure to see it and did not."""
        return self.finding is None and self.known.sure == "yes"
