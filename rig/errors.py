"""What goes wrong with the rig itself, each with an exit status and a way out. No I/O."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses others script against."""

    CLEAN = 0
    INTRODUCED = 1
    USAGE = 2
    UNBUILDABLE = 3
    UNDECIDED = 4
    INTERRUPTED = 130


class RigError(Exception):
    """The rig can't go on.

    A kernel that misbehaves is data and never raised; this is for a rig, a host or an input that does.
    `hint` says what the user can do next.
    """

    exit_status = Exit.UNDECIDED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InputError(RigError):
    """Something the user gave is wrong: a name, a file, a field."""

    exit_status = Exit.USAGE


class PatchError(RigError):
    """A patch can't be read or does not apply."""

    exit_status = Exit.UNBUILDABLE


class BuildError(RigError):
    """A kernel could not be configured or built, and nothing can be said without it."""

    exit_status = Exit.UNBUILDABLE


class HostError(RigError):
    """The host lacks something: a package, disk, memory, an accelerator."""
