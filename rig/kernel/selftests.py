"""The KVM selftests of a kernel's tree, built from it: static programs, kept by what they are made of.

The few directories that takes are copied out of the source's repository, so no work tree is touched or waited for, and
kernels that differ elsewhere share one build.
"""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from rig import cache, proc
from rig.kernel import sandbox, toolchain, trees
from rig.kernel.faults import raise_host_fault
from rig.kernel.git import Repo
from rig.model import Kernel, Selftests
from rig.progress import Progress

SELFTESTS = "tools/testing/selftests"
PARTS = (
    *("Makefile", "Kbuild", "scripts", "include/uapi", "include/asm-generic", "usr/include"),
    *("arch/x86/Makefile", "arch/x86/Makefile_32.cpu", "arch/x86/Makefile.um"),
    *("arch/x86/include/uapi", "arch/x86/entry/syscalls", "arch/x86/tools"),
    *("tools/include", "tools/arch/x86", "tools/lib", "tools/build", "tools/scripts"),
    *(f"{SELFTESTS}/{name}" for name in ("lib.mk", "kselftest.h", "kselftest_harness.h", "kselftest")),
    *(f"{SELFTESTS}/{name}" for name in ("kvm", "rseq", "cgroup")),
)
LINKED = "LDFLAGS=-static -pthread -no-pie -s"  # the guest has few libraries; guest code wants fixed addresses
# 6.1.y took over uses of a macro without it; a uapi header asks for one of tools/include that nothing includes.
RENAMED = ("TEST_ASSERT_EQ", "ASSERT_EQ")
INCLUDED = "-include linux/stddef.h"
FORMAT = 1  # counts up when the same tree comes out differently
SUITE = TypeAdapter(Selftests)
MEMBER = re.compile(r"^kvm:(\S+)$", re.MULTILINE)
WRONG = re.compile(r"error|undefined reference|\*\*\*", re.IGNORECASE)


async def build(kernel: Kernel, progress: Progress) -> Selftests | None:
    """Return the KVM selftests of the tree `kernel` was built from; None if no tree is known.

    What does not compile is a result. Raises HostError.
    """
    repo = await trees.repository(kernel.tree)
    if not repo:
        return None
    parts = (await repo.git("ls-tree", kernel.tree, "--", *PARTS)).output
    entry = cache.selftests() / await _digest(parts)
    async with cache.locked(entry.with_suffix(".lock"), progress):
        if not entry.exists():
            with progress.task("KVM selftests"), cache.scratch() as work, cache.published(entry) as made:
                await _copy_out(repo, kernel.tree, parts, work)
                await _make(work, made, progress)
    progress.note(f"KVM selftests of {kernel.name}: {entry}")
    return replace(SUITE.validate_json((entry / "suite.json").read_bytes()), directory=entry)


async def _digest(parts: str) -> str:
    tools = await toolchain.detect()
    return hashlib.sha256(repr((FORMAT, parts, tools.version, LINKED)).encode()).hexdigest()


async def _copy_out(repo: Repo, tree: str, parts: str, to: Path) -> None:
    """Copy the parts of a tree that are there, as `git ls-tree` lists them."""
    names = [line.partition("\t")[2] for line in parts.splitlines()]
    archive = to / "parts.tar"
    await repo.git("archive", "--format=tar", f"--output={archive}", tree, "--", *names)
    await proc.run(("tar", "-xf", archive, "-C", to))


async def _make(tree: Path, made: Path, progress: Progress) -> None:
    """Build what can be built and keep it in `made`, with the log and the list of what could not."""
    box = (await toolchain.detect()).sandbox
    sandbox.tell(box, progress)
    out, kvm = tree / "out", tree / SELFTESTS / "kvm"
    out.mkdir()
    jobs = f"-j{toolchain.jobs()}"
    headers = await proc.run(box.argv(("make", "-C", tree, jobs, "headers"), made=(tree,)), check=False)
    words = ("--keep-going", jobs, f"OUTPUT={out}", LINKED, f"EXTRA_CFLAGS={_extra(kvm)}")
    tests = await proc.run(box.argv(("make", "-C", kvm, *words), made=(tree,)), check=False)
    log = (headers.output + tests.output).replace(f"{tree}/", "")
    raise_host_fault(log)
    (made / "build.log").write_text(log)
    asking = ("make", "-s", "-C", kvm, f"OUTPUT={out}", "COLLECTION=kvm", "emit_tests")
    listed = await proc.run(box.argv(asking, made=(tree,)), check=False)
    suite = _collected(MEMBER.findall(listed.output), out, made, log)
    (made / "suite.json").write_bytes(SUITE.dump_json(suite, indent=1))


def _extra(kvm: Path) -> str:
    header = kvm / "include" / "test_util.h"
    said = header.read_text(errors="replace") if header.is_file() else ""
    lacks = f"define {RENAMED[0]}(" not in said and f"define {RENAMED[1]}(" in said
    return f"-D{RENAMED[0]}={RENAMED[1]} {INCLUDED}" if lacks else INCLUDED


def _collected(members: list[str], out: Path, made: Path, log: str) -> Selftests:
    """Take what was built of `members` from `out` into `made`."""
    files = (path for path in out.rglob("*") if path.is_file() and not path.is_symlink())  # links may lead anywhere
    found = {path.name: path for path in files if not path.suffix}
    scripts = tuple(name for name in members if name.endswith(".sh"))
    names = tuple(name for name in members if name in found)
    for name in names:
        found[name].rename(made / name)
    broken = tuple((name, _why(name, log)) for name in members if name not in found and name not in scripts)
    return Selftests(directory=made, names=names, scripts=scripts, broken=broken or _all_broken(members, log))


def _all_broken(members: list[str], log: str) -> tuple[tuple[str, str], ...]:
    return () if members else (("all", _why("", log)),)


def _why(name: str, log: str) -> str:
    """Return what the compiler says about a test, or about the first thing that went wrong."""
    wrong = [line.strip() for line in log.splitlines() if WRONG.search(line)]
    own = (line for line in wrong if f"{name}.c:" in line)
    return "does not compile: " + next(own, next(iter(wrong), "make gives no reason"))
