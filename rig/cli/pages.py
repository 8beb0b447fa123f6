"""The options that say what a site holds, of both verbs that make one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from rig import plan, site
from rig.cli import options
from rig.memory.database import opened
from rig.site import NIGHTS, Built

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("directory", type=click.Path(file_okay=False, path_type=Path), required=False),
    options.database,
    click.option("--nights", type=click.IntRange(1), default=NIGHTS, show_default=True, help="that get pages"),
    click.option("--reports/--no-reports", default=True, show_default=True, help="include the report pages of runs"),
    click.option(
        "--known-issues",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="that regressions are marked with; default: configs/known-issues.yaml",
    ),
)


def said(function: Function) -> Function:
    """Add DIRECTORY and the options; they arrive as keyword arguments."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def build(given: dict[str, Any]) -> Built:
    """Bring the site that was asked for up to date; raises InputError, HostError."""
    issues = plan.known_issues(given["known_issues"])
    with opened(given["database"]) as memory:
        return site.build(memory, given["directory"], last=given["nights"], reports=given["reports"], issues=issues)
