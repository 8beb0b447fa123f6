"""`rig build`: kernels, without booting them."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter

from rig import plan
from rig.cli import live, options, wait_for
from rig.errors import Exit
from rig.kernel import recipe
from rig.kernel.build import build
from rig.model import BuildFailure, Kernel, Profile, Recipe
from rig.progress import Progress

RESULT: TypeAdapter[Kernel | BuildFailure] = TypeAdapter(Kernel | BuildFailure)


@click.command()
@click.argument("kernels", metavar="KERNEL...", nargs=-1, required=True)
@click.option("--profile", default="sanitize", show_default=True, metavar="NAME", help="what they are built with")
@options.tree
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
@options.quiet
def command(kernels: tuple[str, ...], profile: str, tree: Path | None, as_json: bool, quiet: bool) -> None:
    """Build each KERNEL, or find it already built. A patch alone goes on top of the first KERNEL.

    Exit status: 0 all built, 2 bad input, 3 one does not compile or its patch does not apply, 4 host fault.

    \b
    rig build base patched
    rig build base my.patch --json
    rig build HEAD --tree ~/linux
    """
    recipes = _recipes(kernels, tree)
    chosen = plan.profile(profile)
    with live.shown(quiet=quiet) as progress:
        built = wait_for(_all(recipes, chosen, progress, as_json=as_json))
    if any(isinstance(each, BuildFailure) for each in built):
        sys.exit(Exit.UNBUILDABLE)


def _recipes(kernels: tuple[str, ...], tree: Path | None) -> tuple[Recipe, ...]:
    first = recipe.resolve(kernels[0], tree=tree)
    return (first, *(recipe.resolve(kernel, base=first, tree=tree) for kernel in kernels[1:]))


async def _all(
    recipes: tuple[Recipe, ...], profile: Profile, progress: Progress, *, as_json: bool
) -> tuple[Kernel | BuildFailure, ...]:
    """Build one after the other, showing each when it is done: they share the processors and often a tree."""
    built = []
    for each in recipes:
        built.append(await build(each, profile, progress))
        click.echo(json.dumps(_document(built[-1])) if as_json else _text(built[-1]))
    return tuple(built)


def _document(built: Kernel | BuildFailure) -> dict[str, Any]:
    return {"built": isinstance(built, Kernel), **RESULT.dump_python(built, mode="json")}


def _text(built: Kernel | BuildFailure) -> str:
    if isinstance(built, BuildFailure):
        lines = (f"{built.name}: does not compile; log: {built.log}", *(f"  {line}" for line in built.errors))
    else:
        warned = (f"  {each.file}:{each.line}: {each.text} {each.flag}".rstrip() for each in built.warnings)
        lines = (f"{built.name}: {built.release}, {built.bzimage}", *warned)
    return "\n".join(lines)
