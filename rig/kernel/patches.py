"""Patch files: read in all the forms they come in, and applied to a tree object."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, TemporaryFile

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchedFile, PatchSet

from rig import proc
from rig.errors import InputError, PatchError
from rig.kernel.git import Repo

SUFFIXES = (".patch", ".diff", ".mbox")
DIFF = re.compile(rb"^(?:diff --git|@@) ", re.MULTILINE)
FAILED = re.compile(r"^error: patch failed: (?P<file>.+):(?P<line>\d+)$", re.MULTILINE)


MAIL = re.compile(rb"(?:From|Date|Subject|Message-ID|Return-Path|Received): ", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a mail says beside its patch; "" where it does not."""

    subject: str = ""  # without [PATCH 1/2]
    author: str = ""  # "Name <address>"
    date: str = ""  # as the mail has it
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One patch. `name` says where it came from, to people."""

    name: str
    text: bytes
    strip: int = 1  # leading directories of its paths that don't count
    before: int = 0  # lines of its file that stand before `text`
    letter: Letter = Letter()

    def files(self) -> list[PatchedFile]:
        """Return what it changes; raises PatchError if that can't be understood."""
        try:
            return list(PatchSet(io.StringIO(self.text.decode(errors="replace"), newline="\n")))
        except UnidiffParseError as error:
            raise PatchError(f"{self.name}: not a valid patch: {error}", hint="was it cut or edited?") from error


async def read(path: Path) -> tuple[Patch, ...]:
    """Return the patches in a file, a mailbox or a quilt series; raises InputError, PatchError."""
    if path.is_dir():
        listed = _series(path)
    elif path.is_file():
        listed = ((path, 1),)
    else:
        raise InputError(f"there is no patch {path}")
    found = [patch for file, strip in listed for patch in await _file(file, strip)]
    if path.is_dir():  # a cover letter among them changes nothing
        found = [patch for patch in found if DIFF.search(patch.text)] or found
    for patch in found:
        _check(patch)
    return tuple(found)


def is_series(directory: Path) -> bool:
    """Say whether a directory holds patches."""
    return directory.is_dir() and ((directory / "series").is_file() or any(directory.glob("*.patch")))


def _series(directory: Path) -> tuple[tuple[Path, int], ...]:
    series = directory / "series"
    if not series.is_file():
        found = sorted(directory.glob("*.patch"))
        if not found:
            raise InputError(f"{directory}: neither a file `series` nor any *.patch")
        return tuple((path, 1) for path in found)
    return tuple(_entries(series))


def _entries(series: Path) -> Iterator[tuple[Path, int]]:
    for number, line in enumerate(series.read_text().splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        path = series.parent / words[0]
        if not path.is_file():
            raise InputError(f"{series}:{number}: there is no patch {words[0]}")
        yield path, _strip(words[1:])


def _strip(options: list[str]) -> int:
    given = [int(option[2:]) for option in options if re.fullmatch(r"-p\d+", option)]
    return given[-1] if given else 1


async def _file(path: Path, strip: int) -> tuple[Patch, ...]:
    text = path.read_bytes()
    if path.suffix == ".mbox" or text.startswith(b"From "):
        return await _mails(path, strip)
    letter = (await _opened(path))[0] if MAIL.match(text) else Letter()
    return (Patch(name=str(path), text=text, strip=strip, letter=letter),)


async def _mails(path: Path, strip: int) -> tuple[Patch, ...]:
    """Take a mailbox apart; mails that carry no diff (cover letters, replies) are left out."""
    with TemporaryDirectory(prefix="rig-mails-") as directory:
        await proc.run(("git", "mailsplit", f"-o{directory}", "--", path))
        mails = sorted(mail for mail in Path(directory).iterdir() if mail.name.isdecimal())
        opened = [await _opened(mail) for mail in mails]
    whole = path.read_bytes()
    found = tuple(
        Patch(name=str(path), text=diff, strip=strip, before=_lines_before(diff, whole), letter=letter)
        for letter, diff in opened
        if DIFF.search(diff)
    )
    return found or (Patch(name=str(path), text=b""),)


def _lines_before(diff: bytes, whole: bytes) -> int:
    """Return how many lines stand before `diff` in the mailbox it came from; 0 if it was encoded there."""
    return whole.count(b"\n", 0, max(0, whole.find(diff.strip())))


async def _opened(mail: Path) -> tuple[Letter, bytes]:
    """Return what a mail says, and its diff."""
    with TemporaryDirectory(prefix="rig-mail-") as directory:
        message, diff = Path(directory) / "message", Path(directory) / "diff"
        with mail.open("rb") as source:
            done = await proc.run(("git", "mailinfo", message, diff), stdin=source)
        body = message.read_text(errors="replace").strip()
        return _letter(done.output, body), diff.read_bytes()


def _letter(head: str, body: str) -> Letter:
    lines = (line.partition(": ") for line in head.splitlines())
    fields = {name: value.strip() for name, _, value in lines}
    address = f" <{fields['Email']}>" if fields.get("Email") else ""
    author = f"{fields.get('Author', '')}{address}".strip()
    return Letter(subject=fields.get("Subject", ""), author=author, date=fields.get("Date", ""), body=body)


def _check(patch: Patch) -> None:
    """Refuse a patch that changes nothing or reaches outside the tree."""
    files = patch.files()
    if not files and not DIFF.search(patch.text):
        raise PatchError(f"{patch.name}: no diff in it")
    for number, line in _headers(patch, files):
        name = PurePosixPath(line)
        if name.is_absolute() or ".." in name.parts:
            raise PatchError(
                f"{patch.name}:{number}: reaches outside the kernel tree: {line}",
                hint="paths in a patch are relative to the top of the tree",
            )


def _headers(patch: Patch, files: list[PatchedFile]) -> Iterator[tuple[int, str]]:
    """Yield line number and path of the header lines that name files, not of hunk lines that look like them."""
    hunks = {line.diff_line_no for file in files for hunk in file for line in hunk}
    for number, raw in enumerate(patch.text.decode(errors="replace").split("\n"), start=1):
        found = re.match(r"(?:---|\+\+\+|(?:rename|copy) (?:from|to)) \"?([^\t\r]+)", raw)
        if found and number not in hunks and found[1].strip('"') != "/dev/null":
            yield patch.before + number, found[1].strip('"')


async def apply(repo: Repo, tree: str, patches: tuple[Patch, ...]) -> str:
    """Return the id of `tree` with `patches` applied in order, exactly; raises PatchError naming the hunk."""
    async with repo.index(tree) as index:
        for patch in patches:
            done = await _apply(repo, index, patch)
            if done.status:
                applied = not (await _apply(repo, index, patch, "--check", "--reverse")).status
                raise _refused(patch, done.output, applied)
        return await repo.write_tree(index)


async def _apply(repo: Repo, index: Path, patch: Patch, *options: str) -> proc.Done:
    with TemporaryFile() as stdin:
        stdin.write(patch.text)
        stdin.seek(0)
        words = ("apply", "--cached", "--whitespace=nowarn", f"-p{patch.strip}", *options)
        return await repo.git(*words, index=index, stdin=stdin, check=False)


def _refused(patch: Patch, said: str, applied: bool) -> PatchError:
    failed = FAILED.search(said)
    where = f" at {_hunk(patch, failed['file'], int(failed['line']))}" if failed else ""
    reasons = [line.removeprefix("error: ") for line in said.splitlines() if line.startswith("error: ")]
    detail = "" if failed else ": " + "; ".join(reasons[:3])
    hint = "it is already in this kernel" if applied else "rebase it on this kernel's source"
    return PatchError(f"{patch.name} does not apply{where}{detail}", hint=hint)


def _hunk(patch: Patch, file: str, line: int) -> str:
    """Return which hunk it was that git names by the line it starts at."""
    for changed in patch.files():
        if changed.path.endswith(file):
            for number, hunk in enumerate(changed, start=1):
                if hunk.source_start == line:
                    return f"hunk {number} of {len(changed)} of {file} (line {line})"
    return f"{file}, line {line}"
