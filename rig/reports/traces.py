"""The stacks that a report prints, as fields. No I/O."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ahocorasick_rs import AhoCorasick

from rig.model import Frame, Location, Trace
from rig.reports import families
from rig.reports.demangle import demangle
from rig.reports.rules import PC, Group

DUMPED = re.compile(r"(?:Code|R[A-D]X|RSP|RBP|R\d\d|[CF]S|CR2|DR\d|PKRU):")  # registers but for the instruction pointer
_GAP = 25  # lines between two frames of a stack: registers where an interrupt came in

_ACCESS = "(?:Out-of-bounds|Use-after-free|Invalid) (?:read|write|free)|Invalid free|Corrupted memory"
STARTS = (  # what is above a stack, from the start of the line; the group is what the stack is called
    r"(Call [Tt]race)",
    r"(Backtrace):",  # arm
    r"(backtrace)(?: \(crc [0-9a-f]+\))?:",  # kmemleak
    r"(stack backtrace):",  # of lockdep, as a rule with a "Call Trace:" of its own below
    # KASAN
    r"((?:Allocated|Freed)(?: by task \d+)?)(?: on cpu \d+ at [\d.]+s)?:",
    r"((?:Last|Second to last) (?:potentially related work creation|call_rcu\(\))):",
    # KMSAN
    r"BUG: (KMSAN): ",
    r"(Uninit was (?:stored to memory at|created at)):",
    r"(Local variable \S+ created at):",
    # KFENCE
    rf"({_ACCESS}) (?:at|of) 0x\S+ .*:",
    r"((?:allocated|freed|rcu freeing) by task \d+)\b.*:",
    # KCSAN
    r"((?:assert no (?:accesses|writes)|read-write|read|write)(?: \(\S+\))?) to 0x\S+ of \d+ bytes by .*:",
    r"(race at unknown origin), with .*:",
    # lockdep
    r"(-> #\d+ \([^{]+\)\{[^:]*\S*):",
    r"\.\.\. (?:key\s+)?(which became .*|acquired) at:",
    r"(\S.* state was registered) at:",
    r"((?:IN-|INITIAL )?\S*(?:HARDIRQ|SOFTIRQ|RECLAIM|USE|READ USE)(?:-ON)?-?[WR]?) +at:",
    # page owner, SLUB
    r"(page last allocated) via ",
    r"(page last free) .*stack trace:",
    r"(?:INFO: )?((?:Allocated|Freed) in \S+) age=",
)
_START = re.compile(rf"[ \t]*+(?:{'|'.join(STARTS)})", re.ASCII)
_CPU = re.compile(r"(NMI backtrace for cpu \d+)(?! skipped)", re.ASCII)

_AT = r"\+0x(?P<offset>[0-9a-f]+)/0x(?P<size>[0-9a-f]+)"
_FRAME = re.compile(
    rf"[ \t]*+(?:<\w+>[ \t]+)?\(?(?:{PC} *){{0,2}}(?P<guess>\? )?(?P<function>[A-Za-z_$.<].*?){_AT}(?P<rest>.*)",
    re.ASCII,
)
_ARM = re.compile(rf"[ \t]*+(?:{PC} )?\(?([\w.$]+)\)? from (?:{PC} )?\(?([\w.$]+){_AT}(?P<rest>.*)", re.ASCII)
_INLINE = re.compile(
    r"[ \t]*+(?P<old>\[< *inline *>\] +)?(?P<function>[A-Za-z_$.<]\S*) (?P<file>\S+?):(?P<line>\d+)"
    r"(?P<new> \[inline\])?$",
    re.ASCII,
)
_SOURCE = re.compile(r"(?:^| )(?P<file>[\w./+-]+\.\w+):(?P<line>\d+)\b", re.ASCII)
_MODULE = re.compile(r" \[(?P<module>[A-Za-z_][\w-]*)(?: [0-9a-f]+)?\]", re.ASCII)

_IP = re.compile(
    r"[ \t]*+(?:[RE]?IP|NIP|pc|PC is at|epc|ERA|Krnl PSW : [0-9a-f]+ )\b *:? *(?P<selector>\d{4}: *)?"
    r"(?:[0-9a-f]{8,} )?",
    re.ASCII,
)
_USER_IP = re.compile(r"RIP: (?:0033|0023):|EIP: 0073:|[RE]IP: 0x", re.ASCII)

_CLOSE = re.compile(r"[ \t]*+</TASK>|CPU: \d|Modules linked in|Sending NMI|Kernel panic|task:|Showing all locks")
_CUT = "------------[ cut here ]"
_WORDS = 8  # lines between it and an opening: what a WARN() says
_LEAKS = "kmemleak: "  # in front of all it says
_ENDS = ("---[ end ", "=" * 20, f"{_LEAKS}unreferenced object")
_MARKS = AhoCorasick([*_ENDS, *(header for group in families.GROUPS for header in group.headers)])
_HARMLESS = (*(text.decode() for text in families.HARMLESS), "kernel BUG at rust/")  # a panic of Rust is made of BUG()


def own(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines of a report's text that are its own: those above its end, or above the next report."""
    text = "\n".join(lines)
    for _, start, _ in _MARKS.find_matches_as_indexes(text):
        begin = text.rfind("\n", 0, start) + 1
        line = text[begin : text.find("\n", start)]
        if begin and (line.startswith(_ENDS) or _opens(line)):
            return _before_cut(lines[: text.count("\n", 0, start)])
    return lines


def _before_cut(lines: Sequence[str]) -> Sequence[str]:
    """Return `lines` without what belongs to the report that opens below them."""
    last = max(1, len(lines) - _WORDS)
    return lines[: next((at for at in range(last, len(lines)) if lines[at].startswith(_CUT)), len(lines))]


def _opens(line: str) -> bool:
    return not any(text in line for text in _HARMLESS) and any(_in_group(group, line) for group in families.GROUPS)


def _in_group(group: Group, line: str) -> bool:
    header = any(header in line for header in group.headers)
    return header and not (group.ignore and group.ignore.search(line.encode()))


def traces(lines: Sequence[str]) -> tuple[Trace, ...]:
    """Return the stacks in a report's own lines, in the order they are printed.

    The first frame of a call trace is the instruction pointer printed above it, if the kernel was there.
    """
    reader = _Reader()
    for line in lines:
        reader.read(line.removeprefix(_LEAKS))
    return reader.done()


class _Reader:
    def __init__(self) -> None:
        self._done: list[Trace] = []
        self._what = ""  # of the stack being read, "" outside of one
        self._frames: list[Frame] = []
        self._gap = 0
        self._ip: Frame | None = None  # until a call trace comes
        self._cpu = ""

    def done(self) -> tuple[Trace, ...]:
        self._close()
        if self._ip and not any(_again(trace.frames[0], self._ip) for trace in self._done):
            self._done.append(Trace(what="RIP", frames=(self._ip,)))
        return tuple(self._done)

    def read(self, line: str) -> None:
        if self._what and line.startswith((" ", "[<")) and "+0x" in line:
            self._go_on(line)
        elif start := _START.match(line):
            self._open(start[start.lastindex or 0])
        elif cpu := _CPU.match(line):
            self._close()
            self._cpu = cpu[1]
        elif _USER_IP.match(line) or _CLOSE.match(line):
            self._close()
        elif ip := _IP.match(line):
            self._interrupted(line[ip.end() :], ip["selector"])
        elif self._what:
            self._go_on(line)

    def _open(self, what: str) -> None:
        self._close()
        self._what = what
        if what.lower() in ("call trace", "backtrace") and self._ip:
            self._frames, self._ip = [self._ip], None
        if what.startswith("Call"):
            self._what, self._cpu = self._cpu or what, ""

    def _close(self) -> None:
        if self._frames:
            self._done.append(Trace(what=self._what, frames=tuple(self._frames)))
        self._what, self._frames, self._gap = "", [], 0

    def _interrupted(self, text: str, selector: str | None) -> None:
        """Take the frame of a register dump: within a trace that of the code below the interrupt."""
        found = frames(text)
        if found and not self._what:
            self._ip = found[0]
        elif selector:
            self._add(found)

    def _go_on(self, line: str) -> None:
        found = frames(line)
        self._gap = 0 if found else self._gap + 1
        self._add(found)
        if self._gap > _GAP or (self._frames and not line.strip()):
            self._close()

    def _add(self, found: Sequence[Frame]) -> None:
        for frame in found:
            if not (self._frames and _again(self._frames[-1], frame)):
                self._frames.append(frame)


def _again(above: Frame, frame: Frame) -> bool:
    """Whether a frame is the one above it, printed twice."""
    same = above.function == frame.function
    return same and (above.offset == frame.offset or None in (above.offset, frame.offset))


@lru_cache(2048)  # most stacks have their lower half in common with others
def frames(line: str) -> tuple[Frame, ...]:
    """Return the frames of a line of a stack, the callee first."""
    return tuple(_frames(line))


def _frames(line: str) -> Iterator[Frame]:
    if (match := _FRAME.match(line)) and _is_name(match["function"]):
        guessed = match["guess"] or match["rest"].endswith("(unreliable)")
        yield _frame(match, match["function"], reliable=not guessed)
    elif arm := _ARM.match(line):
        yield Frame(function=demangle(arm[1]))
        yield _frame(arm, arm[2], reliable=True)
    elif (inline := _INLINE.match(line)) and (inline["old"] or inline["new"]):
        function = demangle(inline["function"])
        place = Location(function=function, file=inline["file"], line=int(inline["line"]))
        yield Frame(function=function, inline=True, at=(place,))


def _frame(match: re.Match[str], name: str, *, reliable: bool) -> Frame:
    function, rest = demangle(name), match["rest"]
    module, source = _MODULE.search(rest), _SOURCE.search(rest)
    places = (Location(function=function, file=source["file"], line=int(source["line"])),) if source else ()
    return Frame(
        function=function,
        offset=int(match["offset"], 16),
        size=int(match["size"], 16),
        module=module["module"] if module else "",
        reliable=reliable,
        at=places,
    )


def _is_name(text: str) -> bool:
    """Whether a text with a "<" in front of its first space is a name with types in it, or has no space."""
    head, space, _ = text.partition(" ")
    return not space or "<" in head
