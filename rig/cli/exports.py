"""The options by which a run is had in other formats, and the files they name."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from rig import store
from rig.errors import InputError
from rig.model import Run
from rig.render.formats import FORMATS, Extras

Function = TypeVar("Function", bound=Callable[..., Any])


def _origin(_: click.Context, __: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]+", value):
        raise click.BadParameter("KCIDB takes small letters, digits and underscores")
    return value


keep_kernels = click.option(
    "--keep-kernels", is_flag=True, help="keep kernels and initramfs with the run, to be booted where there is no rig"
)
_EXTRAS = (
    click.option("--origin", default="rig", show_default=True, callback=_origin, help="whom KCIDB knows you by"),
    click.option("--reported-by", default="", metavar="'NAME <ADDRESS>'", help="a trailer for the mail"),
    click.option("--closes", default="", metavar="URL", help="a trailer for the mail"),
    click.option(
        "--tested-by", default="", metavar="'NAME <ADDRESS>'", help="a trailer for the cover letter, if all is clean"
    ),
)


def extras(function: Function) -> Function:
    """Add the options that some formats have a use for; they arrive as keyword arguments."""
    for option in reversed(_EXTRAS):
        function = option(function)
    return function


def options(function: Function) -> Function:
    """Add an option for each format, which says where to write it, `extras`, and what else to keep."""
    function = extras(keep_kernels(function))
    for name, form in reversed(FORMATS.items()):
        kind = click.Path(dir_okay=False, path_type=Path)
        function = click.option(f"--{name}", f"{name}_file", type=kind, help=f"also write {form.what} here")(function)
    return function


def asked(given: Mapping[str, Any]) -> dict[str, Path]:
    """Return the files to be written, by format; raises InputError for one that could not be."""
    files = {name: given[f"{name}_file"] for name in FORMATS if given.get(f"{name}_file")}
    for name, file in files.items():
        if not file.absolute().parent.is_dir():
            raise InputError(f"--{name} {file}: there is no directory {file.parent}")
    return files


def text(name: str, run: Run, directory: Path, given: Mapping[str, Any]) -> str:
    """Return `run`, which is kept in `directory`, in a format."""
    form = FORMATS[name]
    consoles = store.Consoles(directory) if form.consoles else {}
    own = {name: given[name] for name in ("origin", "reported_by", "closes", "tested_by")}
    beside = Extras(consoles=consoles, **own)
    return form.render(run, beside)
