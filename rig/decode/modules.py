"""The modules that were built with a kernel."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

_SUFFIXES = (".ko", ".ko.debug")
_MOST = 20_000  # directories looked into; a kernel tree has a quarter of it


def near(vmlinux: Path) -> dict[str, Path]:
    """Return the modules in a kernel's directory and below, by name as a trace has it; the nearest of each."""
    found: dict[str, Path] = {}
    for path in _files(vmlinux.parent):
        name, dot, suffix = path.name.partition(".")
        if dot + suffix in _SUFFIXES:
            found.setdefault(name.replace("-", "_"), path)
    return found


def _files(directory: Path) -> Iterator[Path]:
    for parent, _, names in islice(os.walk(directory), _MOST):
        yield from (Path(parent, name) for name in sorted(names))
