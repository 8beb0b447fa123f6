"""The command line: one module a verb, each a thin call."""

import click

from rig import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Test a kernel patch: build, boot, stress, compare."""
