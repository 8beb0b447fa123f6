"""`rig profiles`: what kernels can be built and booted with."""

import json
from dataclasses import replace
from typing import Any

import click
from rich.table import Table

from rig import plan, slowdown
from rig.cli import live, options, stdout, wait_for
from rig.model import Profile


@click.command()
@click.option("--measure", is_flag=True, help="build and run all of them to measure the slow-down on this host")
@options.seconds
@options.accel
@click.option("--json", "as_json", is_flag=True, help="machine-readable output")
@options.quiet
def command(measure: bool, as_json: bool, quiet: bool, **given: Any) -> None:
    """List the profiles: what each looks for, and how many times slower than `perf` the workloads run under it.

    The figures listed were measured under emulation; --measure takes some minutes a profile, and builds what is
    missing.

    \b
    rig profiles
    rig profiles --measure --seconds 20
    rig compare base my.patch --profile race
    """
    listed = plan.profiles()
    if measure:
        overrides = options.overrides({**given, "repeats": 1})
        with live.shown(quiet=quiet) as progress:
            measured = wait_for(slowdown.measure(listed, overrides, progress))
        listed = tuple(replace(profile, slowdown=round(measured[profile.name], 1)) for profile in listed)
    if as_json:
        click.echo(json.dumps({"profiles": [_record(profile) for profile in listed]}, indent=2))
    else:
        stdout().print(_table(listed))


def _table(profiles: tuple[Profile, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("profile", "slow-down", "detectors", "what it looks for"):
        table.add_column(column, overflow="fold")
    for profile in profiles:
        slower = f"{profile.slowdown:.1f} x" if profile.slowdown else "not measured"
        table.add_row(profile.name, slower, ", ".join(profile.detectors), profile.description)
    return table


def _record(profile: Profile) -> dict[str, object]:
    return {
        "name": profile.name,
        "description": profile.description,
        "detectors": profile.detectors,
        "slowdown": profile.slowdown,
        "fragments": [fragment.name for fragment in profile.fragments],
        "cmdline": profile.cmdline,
    }
