"""The shell script that does a run again, from what is kept beside it. No I/O."""

import shlex
from dataclasses import dataclass

from rig.model import BuildFailure, Kernel, Run
from rig.render import wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A kernel as the rig is to be told of it; `kernel` and `patches` are files, relative to the run directory."""

    name: str
    kernel: str
    needs: str = ""  # a path of the host the run was made on, without which `kernel` is not enough
    commit: str = ""  # with which, in a clone of the user's, it can be had all the same
    patches: tuple[str, ...] = ()  # to be applied to that
    over_base: bool = False  # `kernel` is a patch to base


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What a run was made of, as it is kept with it."""

    base: Side
    patched: Side | None
    own: tuple[tuple[str, str], ...] = ()  # all workloads, if some are files of the user's: (file, arguments or name)
    options: tuple[str, ...] = ()
    qemu: tuple[str, ...] = ()  # without kernel and initramfs; () if those were not kept


def reproduce(run: Run, again: Again | None) -> str:
    """Return the script: POSIX shell, needs the rig, or QEMU alone if the kernels were kept.

    A run that was put together of others was made of nothing of its own: its command is all there is to it.
    """
    if not again:
        return f'#!/bin/sh\n# Puts run {run.id} together again, of runs that are kept.\nexec {run.command} "$@"\n'
    return "\n\n".join((_head(run, again), _arguments(again), _boot(again), _compare(again))) + "\n"


def _head(run: Run, again: Again) -> str:
    made = "\n".join(f"#   {line}" for side in (run.base, run.patched) if side for line in _made(side))
    environment = f"{run.environment.qemu}, {run.environment.compiler or 'an unknown compiler'}"
    base = "  --base KERNEL    in the place of base\n" if again.patched else ""
    return f"""#!/bin/sh
# Does run {run.id} again, from the files beside this one, with the rig; --help says what else there is.
# It was made by: {wording.one_line(run.command)}
# with {wording.one_line(environment)}:
{made}
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

usage() {{
	cat <<'END'
usage: ./reproduce.sh [--kernel KERNEL] [--base KERNEL] [--tree DIR] [option of rig {_verb(again)}]...
       ./reproduce.sh --boot|--boot-base|--shell [--kernel BZIMAGE]

{base}  --kernel KERNEL  one of your own in the place of the one that was tested: whatever the rig takes, or a bzImage
  --tree DIR       a clone of the kernel's repository, if the run was of one that is not here
  --boot           without the rig: boot the kept kernel in QEMU, run the workloads on the console, power off
  --boot-base      the same with base
  --shell          the same as --boot, with a shell in the place of the workloads
END
}}"""


def _verb(again: Again) -> str:
    return "compare" if again.patched else "run"


def _made(kernel: Kernel | BuildFailure) -> list[str]:
    name = wording.one_line(kernel.name)
    if isinstance(kernel, BuildFailure):
        return [f"{name} does not compile"]
    config = kernel.config_digest[:16] or "-"
    return [f"{name}: release {kernel.release}, tree {kernel.tree or '-'}, config {config}"]


def _arguments(again: Again) -> str:
    """Return the part that takes the script's own options out of what is for the rig."""
    values = ("kernel", "base", "tree") if again.patched else ("kernel", "tree")
    arms = "\n".join(f"\t\t--{name}) {name}=$1 ;;" for name in values)
    tested = _tested(again)
    boots = (f"--boot) boot={tested}", "--boot-base) boot=base", f"--shell) boot={tested} shell=shell")
    flags = boots if again.qemu else ("--boot | --boot-base | --shell) boot=yes",)
    told = "\n".join(f"\t{flag} ;;" for flag in flags)
    start = " ".join(f"{name}=''" for name in (*values, "boot", *(("shell",) if again.qemu else ())))
    return f"""{start}
left=$#
while [ "$left" -gt 0 ]; do
	word=$1
	shift
	left=$((left - 1))
	case $word in
	{" | ".join(f"--{name}" for name in values)})
		[ "$left" -gt 0 ] || {{ usage >&2; exit 2; }}
		case $word in
{arms}
		esac
		shift
		left=$((left - 1))
		;;
{told}
	-h | --help) usage; exit 0 ;;
	*) set -- "$@" "$word" ;;
	esac
done"""


def _tested(again: Again) -> str:
    return "patched" if again.patched else "base"


def _boot(again: Again) -> str:
    if not again.qemu:
        told = "its kernels were not kept: --keep-kernels does that; --kernel alone needs their initramfs too"
        return f"""if [ "$boot" ]; then
	echo {shlex.quote(told)} >&2
	exit 2
fi"""
    *words, cmdline = again.qemu
    return f"""if [ "$boot" ]; then
	kernel=${{kernel:-$here/kernels/$boot.bzImage}}
	exec {shlex.join(words)} \\
		{shlex.quote(cmdline)}"${{shell:+ -- shell}}" \\
		-kernel "$kernel" -initrd "$here/kernels/initramfs.cpio"
fi"""


def _compare(again: Again) -> str:
    """Return the part for the rig; what the user gave wins over what was kept."""
    parts = [
        """command -v rig >/dev/null || {
	echo "rig is not on PATH: run 'make setup' in its checkout first, or see --help" >&2
	exit 2
}""",
        *_chosen("base" if again.patched else "kernel", again.base),
        *(_chosen("kernel", again.patched) if again.patched else ()),
        'if [ "$tree" ]; then set -- "$@" --tree "$tree"; fi',
        *_workloads(again),
    ]
    kernels = '"$base" "$kernel"' if again.patched else '"$kernel"'
    options = "".join(f" {word}" for word in map(shlex.quote, again.options))
    parts.append(f'exec rig {_verb(again)} {kernels} --plan "$here/inputs/plan.yaml"{options} "$@"')
    return "\n".join(parts)


def _chosen(variable: str, side: Side) -> list[str]:
    kept = f'{variable}="$base+$here"/{shlex.quote(side.kernel)}' if side.over_base else _kept(variable, side.kernel)
    lines = [f'if [ ! "${variable}" ]; then', f"\t{kept}"]
    if side.commit:
        patches = "".join(f'"+$here"/{shlex.quote(path)}' for path in side.patches)
        lines.append(f'\tif [ "$tree" ]; then {variable}={side.commit}{patches}; fi')
    if side.needs:
        unless = '[ "$tree" ] || ' if side.commit else ""
        option = "--base" if variable == "base" else "--kernel"
        told = f"{side.name} is of {side.needs}, which is not here: {option} KERNEL gives another"
        told += f", --tree DIR a clone that has commit {side.commit[:12]}" if side.commit else ""
        lines.append(f"\t{unless}[ -e {shlex.quote(side.needs)} ] || {{ echo {shlex.quote(told)} >&2; exit 2; }}")
    return [*lines, "fi"]


def _kept(variable: str, kernel: str) -> str:
    return (
        f"{variable}={shlex.quote(kernel)}" if kernel.startswith("/") else f'{variable}="$here"/{shlex.quote(kernel)}'
    )


def _workloads(again: Again) -> list[str]:
    """Return what names the workloads, if some are files: quoted twice, as -w parts its words like a shell."""
    words = []
    for file, rest in again.own:
        inside = r'"\"$here/"' + shlex.quote(f'{file}" {rest}'.rstrip()) if file else shlex.quote(rest)
        words.append(f"-w {inside}")
    return [f'set -- {" ".join(words)} "$@"'] if words else []
