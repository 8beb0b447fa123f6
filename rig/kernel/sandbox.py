"""Where the code of a patch runs before it is in a guest: a Makefile can do anything, so make sees only what it needs.

Bubblewrap shows a build the system's programs, its source and what else it reads, and lets it write what it makes.
There is no network, no home directory, no process but its own, no root, and none of the user's environment.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig import proc
from rig.errors import HostError, InputError
from rig.progress import Progress

SWITCH = "RIG_SANDBOX"
AUTO, ON, OFF = "auto", "on", "off"
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
# Not /etc as a whole: the rig may run as root, and the user that root is inside still owns root's files.
ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ccache.conf", "localtime", "ssl/openssl.cnf")
NAMESPACES = ("user", "ipc", "pid", "net", "uts", "cgroup-try")
NOBODY = "1000"  # user and group inside; files it makes belong to whoever runs the rig
# A seccomp filter against system calls for keys: a session keyring is in no namespace. tests/ has it in words.
KEYLESS = Path(__file__).parent / "bin" / "keyless.bpf"
KEPT = ("PATH", "LANG", "LC_ALL")
RULES = "the build ran in a sandbox: no network, no home directory, nothing to write but its own tree (docs/sandbox.md)"
REFUSED = re.compile(
    "Read-only file system|Permission denied|Operation not permitted|Network is unreachable"
    "|Could not resolve|Temporary failure in name resolution|cannot create /|unable to connect to"
)
LIMIT = 20.0  # seconds; the trial needs a hundredth of one
HINT = "`rig doctor` says how to get a sandbox"
FIX = (
    "apt-get install bubblewrap; in a container or under AppArmor, unprivileged user namespaces must be allowed "
    "(docs/sandbox.md)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """How builds are run on this host."""

    bwrap: str = ""  # the program; "" if builds are not confined
    why_not: str = ""  # they are not confined
    tools: tuple[Path, ...] = ()  # directories of compilers that are not among the system's programs

    def argv(
        self, argv: proc.Argv, *, made: Sequence[Path], seen: Sequence[Path] = (), env: Mapping[str, str] | None = None
    ) -> tuple[str | Path, ...]:
        """Return the command line that runs `argv` confined, or `argv` itself where that can't be.

        It can write the directories `made`, read those `seen`, and gets of the environment only `env` and KEPT.
        """
        if not self.bwrap:
            return tuple(argv)
        given = proc.environment(env)
        setting = {"HOME": "/tmp"} | {name: given[name] for name in (*KEPT, *(env or {})) if name in given}
        return (
            *TIED,
            *("sh", "-c", 'exec "$@" 9<"$0"', KEYLESS, self.bwrap, "--seccomp", "9"),
            *("--die-with-parent", "--cap-drop", "ALL", "--uid", NOBODY, "--gid", NOBODY),
            *(f"--unshare-{name}" for name in NAMESPACES),
            *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/"),
            *_system(),
            *(word for path in (*self.tools, *seen) for word in _shown(path, "--ro-bind")),
            *(word for path in made for word in _shown(path, "--bind")),
            # Root's settings of the kernel would still be root's to write, without any privilege.
            *("--remount-ro", "/proc", "--remount-ro", "/"),
            "--clearenv",
            *(word for name, value in setting.items() for word in ("--setenv", name, value)),
            *("--", "env", "--default-signal=TERM", *argv),
        )


# SIGTERM, which is how the rig's death is told, would end bubblewrap and with it everything inside, outright. So
# bubblewrap ignores it; `timeout`, here without a time, hands it on to the whole process group, where make cleans up
# and ends; who stays is killed. All that is in the sandbox goes when make ends, or bubblewrap, or its parent.
TIED = ("timeout", f"--kill-after={proc.GRACE:g}", "0", "env", "--ignore-signal=TERM")
_found: dict[tuple[str, ...], Sandbox] = {}
_told: set[str] = set()


async def find(tools: tuple[str, ...] = ()) -> Sandbox:
    """Return how to run builds that need `tools`: confined if that works here, which is tried once.

    Raises HostError if it doesn't though RIG_SANDBOX=on, InputError for another value of that than on, off or auto.
    """
    wanted = os.environ.get(SWITCH, AUTO)
    if wanted not in (AUTO, ON, OFF):
        raise InputError(f"{SWITCH}={wanted}: it is {ON}, {OFF} or {AUTO}")
    if wanted == OFF:
        return Sandbox(why_not=f"{SWITCH}={OFF}")
    key = (os.environ.get("PATH", ""), *tools)
    if key not in _found:
        _found[key] = await _tried(tools)
    if wanted == ON and _found[key].why_not:
        raise HostError(f"{SWITCH}={ON}, but there is no sandbox for builds: {_found[key].why_not}", hint=FIX)
    return _found[key]


def tell(sandbox: Sandbox, progress: Progress) -> None:
    """Say once that builds are not confined, if they aren't."""
    if sandbox.why_not and sandbox.why_not not in _told:
        _told.add(sandbox.why_not)
        hint = "" if sandbox.why_not.startswith(SWITCH) else f"; {HINT}"
        progress.note(f"builds run without a sandbox: {sandbox.why_not}{hint}")


def refused(lines: Iterable[str]) -> bool:
    """Whether a build that failed says that it was not let do something."""
    return any(REFUSED.search(line) for line in lines)


async def _tried(tools: tuple[str, ...]) -> Sandbox:
    bwrap = shutil.which("bwrap")
    if not bwrap:
        return Sandbox(why_not="bubblewrap is not installed")
    sandbox = Sandbox(bwrap=bwrap, tools=_elsewhere(tools))
    script = 'for tool; do command -v "$tool" >/dev/null || { echo "$tool is not found in it"; exit 1; }; done'
    try:
        done = await proc.run(sandbox.argv(("sh", "-c", script, "sh", *tools), made=()), limit=LIMIT, check=False)
    except proc.LimitError:
        return Sandbox(why_not=f"it did not start in {LIMIT:g} s")
    if done.status:
        return Sandbox(why_not=next(iter(done.output.splitlines()), f"bwrap ends with status {done.status}"))
    return sandbox


def _elsewhere(tools: tuple[str, ...]) -> tuple[Path, ...]:
    """Return where those of `tools` are installed that are not among the system's programs; no home directory."""
    found = {Path(path).resolve() for path in map(shutil.which, tools) if path}
    places = {path.parents[1] for path in found if not _is_system(path)}
    home = Path.home().resolve()
    return tuple(sorted(place for place in places if not place.is_relative_to(home) and not home.is_relative_to(place)))


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(Path(place).resolve()) for place in SYSTEM)


def _system() -> Iterator[str | Path]:
    for place in (Path(place) for place in SYSTEM if Path(place).exists()):
        yield from ("--symlink", place.readlink(), place) if place.is_symlink() else ("--ro-bind", place, place)
    for name in ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _shown(path: Path, how: str) -> tuple[str | Path, ...]:
    """Show a directory where it really is, and by the name it goes by: builds write both down."""
    real = path.resolve()
    return (how, real, real) if real == path.absolute() else (how, real, real, "--symlink", real, path.absolute())
