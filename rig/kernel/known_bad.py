"""The known-bad kernels: what is wrong with each, and what is expected to show it, as their patches' headers say."""

import re
from pathlib import Path

from pydantic import Field

from rig import paths, yamlfile
from rig.errors import InputError
from rig.model import KnownBad, Sure

NO_WORKLOAD = "none"  # it shows when it is built, or booted
_SUBJECT = re.compile(r"^Subject: (?:\[PATCH[^]]*\] )?(?P<text>.+(?:\n[ \t].+)*)", re.MULTILINE)
_TRAILER = re.compile(r"(?P<key>[A-Z][\w-]+): (?P<value>\S.*)")


class Trailers(yamlfile.Strict):
    """The last paragraph of a known-bad patch's header."""

    Expected: list[str] = Field(min_length=1)
    Workload: str
    Profile: str
    Sure: Sure


def every() -> tuple[KnownBad, ...]:
    """Return all known-bad kernels in the order of their names; raises InputError for a header that can't be read."""
    directory = paths.project() / "kernels" / "known-bad"
    return tuple(read(path) for path in sorted(directory.glob("*.patch")))


def read(path: Path) -> KnownBad:
    """Return what the header of the patch at `path` says; raises InputError."""
    header = path.read_text().partition("\ndiff --git ")[0].strip()
    subject = _SUBJECT.search(header)
    if not subject:
        raise InputError(f"{path}: no Subject line", hint="a known-bad patch is a mail, as git format-patch writes it")
    found = yamlfile.check(Trailers, _trailers(header), f"{path}: the trailers of its header")
    return KnownBad(
        name=path.stem,
        subject=" ".join(subject["text"].split()),
        expected=tuple(found.Expected),
        workloads=() if found.Workload == NO_WORKLOAD else tuple(found.Workload.split(", ")),
        profile=found.Profile,
        sure=found.Sure,
    )


def _trailers(header: str) -> dict[str, object]:
    """Return the last paragraph by key; Expected can be there several times."""
    lines = [_TRAILER.fullmatch(line) for line in header.rpartition("\n\n")[2].splitlines()]
    pairs = [(line["key"], line["value"]) for line in lines if line]
    expected = [value for key, value in pairs if key == "Expected"]
    return {**{key: value for key, value in pairs if key != "Expected"}, "Expected": expected}
