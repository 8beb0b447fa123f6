"""`rig selfcheck`: does the rig see, here?"""

import sys
from pathlib import Path
from typing import Any

import click

from rig import selfcheck, yamlfile
from rig.cli import live, options, stdout, wait_for
from rig.errors import Exit, InputError
from rig.kernel import known_bad
from rig.model import Check, KnownBad
from rig.render import checks


@click.command()
@click.argument("names", nargs=-1, metavar="[KNOWN-BAD]...")
@click.option("--quick", is_flag=True, help="one of each kind, under the default profile")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="only those of this profile; repeatable")
@options.repeats
@options.seconds
@options.jobs
@options.accel
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="also write JSON here")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="also write the table here")
@options.quiet
@options.verbose
def command(
    names: tuple[str, ...],
    quick: bool,
    profiles: tuple[str, ...],
    json_file: Path | None,
    markdown: Path | None,
    quiet: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Build kernels with known mistakes (kernels/known-bad) and see whether the rig catches them on this host.

    Each runs the workload that shows it best. Exit status: 0 all that the rig is sure to see were caught, 1 one was
    missed, 2 bad input, 3 no build or patch, 4 host fault.

    \b
    rig selfcheck --quick
    rig selfcheck m02-lock-inversion-pages-lock --repeats 3
    rig selfcheck --profile sanitize --json result.json
    """
    chosen = _chosen(names, profiles)
    chosen = selfcheck.quick(chosen) if quick else chosen
    overrides = options.overrides({**given, "repeats": given["repeats"] or 1})
    done: list[Check] = []
    try:
        with live.shown(quiet=quiet, verbose=verbose) as progress:
            wait_for(selfcheck.check(chosen, overrides, progress, done))
    finally:  # what is finished is shown, whatever ended the rest
        _show(tuple(sorted(done, key=lambda each: each.known.name)), json_file, markdown)
    sys.exit(Exit.INTRODUCED if any(each.missed for each in done) else Exit.CLEAN)


def _show(done: tuple[Check, ...], json_file: Path | None, markdown: Path | None) -> None:
    if done:
        stdout().print(checks.summary(done))
    if json_file:
        json_file.write_text(checks.to_json(done))
    if markdown:
        markdown.write_text(checks.markdown(done))


def _chosen(names: tuple[str, ...], profiles: tuple[str, ...]) -> tuple[KnownBad, ...]:
    every = known_bad.every()
    for name in names:
        if not any(known.name == name for known in every):
            raise InputError(f"no known-bad kernel {name!r}", hint=yamlfile.near(name, [known.name for known in every]))
    chosen = [known for known in every if not names or known.name in names]
    return tuple(known for known in chosen if not profiles or known.profile in profiles)
