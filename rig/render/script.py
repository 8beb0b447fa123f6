"""The shell script that does a run again. No I/O."""

import shlex

from rig.model import BuildFailure, Kernel, Run


def reproduce(run: Run) -> str:
    """Return a script that repeats `run` where the rig is installed."""
    made = "\n".join(f"#   {line}" for side in (run.base, run.patched) if side for line in _made(side))
    return f"""#!/bin/sh
# Does run {run.id} again. It was made with {run.environment.qemu}, {run.environment.compiler or "an unknown compiler"}:
{made}
set -e
command -v rig >/dev/null || {{ echo "rig is not on PATH: run 'make setup' in its checkout first" >&2; exit 2; }}
exec {run.command} "$@"
"""


def _made(kernel: Kernel | BuildFailure) -> list[str]:
    if isinstance(kernel, BuildFailure):
        return [f"{shlex.quote(kernel.name)} does not compile"]
    return [
        f"{kernel.name}: release {kernel.release}, tree {kernel.tree or '-'}, config {kernel.config_digest[:16] or '-'}"
    ]
