"""The kernel's own checkpatch, as the tree that patches are for has it."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast

from rig import proc
from rig.kernel import trees
from rig.model import Commit, Complaint

SCRIPT = "scripts/checkpatch.pl"
NEEDED = (SCRIPT, "scripts/spelling.txt", "scripts/const_structs.checkpatch", ".checkpatch.conf")
OPTIONS = ("--no-tree", "--terse", "--showfile", "--show-types", "--no-summary", "--color=never")
LINE = re.compile(
    r"(?:(?P<file>[^\s:][^:]*)?:(?P<line>\d+)?: )?(?P<level>ERROR|WARNING|CHECK):(?P<kind>[A-Z0-9_]+): (?P<text>.*)"
)
LIMIT = 120.0  # seconds for a patch


async def check(commits: tuple[Commit, ...], tree: str) -> tuple[tuple[Complaint, ...], ...]:
    """Return what checkpatch of the tree object `tree` says of each commit; nothing where the tree has none.

    The script is that of the tree before the series, as a series can change it. Raises HostError without perl.
    """
    async with _script(tree) as script:
        return tuple([await _check(script, commit) if script else () for commit in commits])


@asynccontextmanager
async def _script(tree: str) -> AsyncIterator[Path | None]:
    with TemporaryDirectory(prefix="rig-checkpatch-") as name:
        for file in NEEDED:
            if text := await trees.text(tree, file):
                path = Path(name) / file
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
        script = Path(name) / SCRIPT
        yield script if script.exists() else None


async def _check(script: Path, commit: Commit) -> tuple[Complaint, ...]:
    patch = script.parent / "patch"
    patch.write_text(mail(commit))
    argv: proc.Argv = ("perl", script, *OPTIONS, *_leniency(commit), patch)
    done = await proc.run(argv, cwd=script.parent.parent, limit=LIMIT, check=False)
    return tuple(complaints(done.output.splitlines()))


def mail(commit: Commit) -> str:
    """Return a commit as it would be sent."""
    return f"From: {commit.author}\nSubject: [PATCH] {commit.message}\n\n---\n{commit.patch}"


def _leniency(commit: Commit) -> tuple[str, ...]:
    """What is no commit yet has no message to be judged."""
    return () if commit.author else ("--no-signoff", "--ignore=COMMIT_MESSAGE")


def complaints(lines: list[str]) -> Iterator[Complaint]:
    """Yield what lines of checkpatch's output say; other lines are passed over."""
    for line in lines:
        if found := LINE.fullmatch(line):
            yield Complaint(
                level=cast("Literal['ERROR', 'WARNING', 'CHECK']", found["level"]),
                kind=found["kind"],
                text=found["text"].strip(),
                file=found["file"] or "",
                line=int(found["line"] or 0),
            )
