"""Options that several verbs share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from rig import duration
from rig.experiment import Overrides

Function = TypeVar("Function", bound=Callable[..., Any])


class _Duration(click.ParamType[int]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return duration.seconds(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Share(click.ParamType[float]):
    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = 0.0
        if not 0.5 <= share < 1:
            self.fail(f"{text!r} is not between 50% and 100%: write 95% or 0.99", param, ctx)
        return share


class _Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return duration.size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


size = _Size()
repeats = click.option("-n", "--repeats", type=click.IntRange(1), help="trials of each side")
seconds = click.option("-s", "--seconds", type=click.IntRange(1), help="of stress per workload and trial")
jobs = click.option("-j", "--jobs", type=click.IntRange(1), help="guests at once; default: as many as fit")
accel = click.option(
    "--accel", type=click.Choice(["auto", "kvm", "tcg"]), default="auto", show_default=True, help="how guests run"
)
_EXPERIMENT = (
    click.option("--profile", metavar="NAME", help="what the kernels are built and booted with"),
    click.option(
        "-w",
        "--workload",
        "workloads",
        multiple=True,
        metavar="NAME|'./FILE ARG...'",
        help="run this one, or a script, static program or pytest file (.py) of your own; repeatable",
    ),
    repeats,
    click.option("--confirm", type=click.IntRange(0), help="further trials a suspicion may cost on each side"),
    click.option(
        "--confidence", type=_Share(), metavar="SHARE", help="wanted of what is called new or fixed: 95%, 0.99"
    ),
    click.option("--budget", type=_Duration(), metavar="TIME", help="begin no trial that won't end within 20m, 1h30m"),
    seconds,
    click.option("--vcpus", type=click.IntRange(1, 16), help="of the guest"),
    click.option("--threads", type=click.IntRange(1, 64), help="or processes that a workload has at work at once"),
    click.option("--memory", type=click.IntRange(256), metavar="MIB", help="of the guest"),
    click.option(
        "--cmdline",
        multiple=True,
        metavar="WORD",
        help="for the command line of the guest's kernel, as kvm.tdp_mmu=0; repeatable",
    ),
    click.option("--seed", type=click.IntRange(0), help="of the workloads' random choices"),
    jobs,
    accel,
    click.option(
        "--clock",
        type=click.Choice(["host", "virtual"]),
        help="what time in emulated guests follows; virtual counts instructions, so that the host's load does not show",
    ),
)
database = click.option(
    "--database",
    envvar="RIG_DATABASE",
    default="",
    metavar="FILE|URL",
    help="the memory: a file, or postgresql://USER@HOST/NAME  [env: RIG_DATABASE; default: the user's own]",
)
tree = click.option(
    "--tree",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="the git tree that KERNEL revisions are of",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="no progress, only the result")
verbose = click.option("-v", "--verbose", is_flag=True, help="say all that happens, a line each")


_COVERAGE = (
    click.option(
        "--coverage/--no-coverage",
        default=None,
        help="whether to see afterwards which of the changed lines run, in a trial of a kernel that counts",
    ),
    click.option(
        "--require-coverage",
        type=click.FloatRange(0, 100),
        metavar="PCT",
        help="be inconclusive if less of them does; implies --coverage",
    ),
)


def coverage(function: Function) -> Function:
    """Add the options about patch coverage; they arrive as keyword arguments."""
    for option in reversed(_COVERAGE):
        function = option(function)
    return function


def experiment(plan: str) -> Callable[[Function], Function]:
    """Return what adds the options that say how an experiment is done; they arrive as keyword arguments.

    `plan` is the one to start from where none is given.
    """
    start = click.option("--plan", default=plan, show_default=True, metavar="NAME|FILE", help="the plan to start from")

    def add(function: Function) -> Function:
        for option in reversed((start, *_EXPERIMENT, tree, quiet, verbose)):
            function = option(function)
        return function

    return add


def overrides(given: dict[str, Any]) -> Overrides:
    """Return the experiment's options as what overrides a plan."""
    return Overrides(**{name: value for name, value in given.items() if name in Overrides.__dataclass_fields__})
