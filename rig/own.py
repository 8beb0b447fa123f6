"""A file of the user's as a workload: what it is, and whether the guest can run it."""

import shlex
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from rig import workloads
from rig.errors import InputError

FIRST = 128  # bytes; the kernel reads no longer a first line of a script either
INTERPRETERS = tuple(f"/bin/{name}" for name in ("sh", "ash", "awk", "sed", "busybox"))
SHELL = "scripts are run by the guest's busybox: #!/bin/sh"
STATIC = "link it statically: gcc -static; the guest has none of the host's libraries"


def resolve(word: str) -> workloads.Own:
    """Return what `word` of a plan or command line means: a file, and arguments as a shell would part them.

    Raises InputError for what is no program or can't run in the guest. A file named *.py holds pytest tests, of
    which `FILE.py::NAME` is one; its arguments are pytest's.
    """
    name, args = _parted(word)
    file, _, test = name.partition("::")
    path = Path(file).expanduser()
    if not path.is_file():
        raise InputError(f"no program {file}", hint="a workload with a / in its name is a file of yours")
    workloads.check(args, word)
    tests = path.suffix == ".py"
    if not tests:
        _check(path, file)
    return workloads.Own(path=path.resolve(), args=args, tests=tests, test=test)


def _parted(word: str) -> tuple[str, tuple[str, ...]]:
    """Return file and arguments; a file whose name has spaces needs no quotes when it stands alone."""
    if Path(word).expanduser().is_file():
        return word, ()
    try:
        name, *args = shlex.split(word)
    except ValueError as error:
        raise InputError(f"{word}: {error}", hint="arguments are parted and quoted as in a shell") from error
    return name, tuple(args)


def _check(path: Path, name: str) -> None:
    try:
        with path.open("rb") as file:
            first = file.read(FIRST)
    except OSError as error:
        raise InputError(f"{name}: can't be read: {error.strerror}") from error
    if first.startswith(b"#!"):
        _check_script(first.splitlines()[0].decode(errors="replace"), name)
    elif first.startswith(b"\x7fELF"):
        _check_binary(path, name)
    else:
        raise InputError(f"{name} is no program", hint=f"{SHELL}; a binary is linked statically; tests are called *.py")


def _check_script(line: str, name: str) -> None:
    interpreter = next(iter(line.removeprefix("#!").split()), "")
    if interpreter not in INTERPRETERS:
        hint = f"{SHELL}; Python runs here, as pytest tests: name the file *.py" if "python" in line else SHELL
        raise InputError(f"{name}: there is no {interpreter or 'interpreter'} in the guest", hint=hint)


def _check_binary(path: Path, name: str) -> None:
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            kind, machine = elf["e_type"], elf["e_machine"]
            linked = any(segment["p_type"] == "PT_INTERP" for segment in elf.iter_segments())
    except ELFError as error:
        raise InputError(f"{name} is no program: {error}") from error
    if machine != "EM_X86_64":
        raise InputError(f"{name} is a program for {str(machine).removeprefix('EM_')}", hint="the guest is x86-64")
    if kind not in ("ET_EXEC", "ET_DYN"):
        raise InputError(f"{name} is not linked", hint="gcc -static makes a program of it")
    if linked:
        raise InputError(f"{name} is linked dynamically", hint=STATIC)
