"""A guest that needs no rig: its first process runs the workloads on the console and powers off. No I/O."""

import shlex
from collections.abc import Iterable

from rig.guest import cpio
from rig.model import Workload

INIT = "/alone"  # in the guest
_MOUNTS = (  # as images/init has them
    "mount -t devtmpfs devtmpfs /dev",
    "mkdir -p /dev/pts /dev/shm /proc /sys /tmp /run",
    "mount -t proc proc /proc",
    "mount -t sysfs sysfs /sys",
    "mount -t devpts devpts /dev/pts",
    "mount -t tmpfs tmpfs /dev/shm",
    "mount -t tmpfs tmpfs /tmp",
    "mount -t tmpfs tmpfs /run",
    "mount -t debugfs debugfs /sys/kernel/debug",
    "mount -t tracefs tracefs /sys/kernel/tracing",
)


def archive(workloads: Iterable[Workload], programs: dict[str, bytes]) -> bytes:
    """Return an archive to go behind the image's: the first process, and the user's own programs by their names."""
    own = [cpio.file(f"own/{name}", data, 0o755) for name, data in programs.items()]
    script = init(workloads).encode()
    return cpio.pack((cpio.file(INIT.lstrip("/"), script, 0o755), cpio.directory("own"), *own))


def init(workloads: Iterable[Workload]) -> str:
    """Return the first process, a shell script; called with "shell" it gives one instead of running the workloads."""
    lines = "\n".join(f"\t{line}" for workload in workloads for line in _run(workload))
    mounts = "\n".join(_MOUNTS)
    return f"""#!/bin/sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
[ -d /proc/self ] || {{
{mounts}
}} 2>/dev/null
exec </dev/console >/dev/console 2>&1
if [ "$1" = shell ]; then
\techo 'the workloads are in /workloads; this runs them all: /alone again'
\tsetsid cttyhack sh
else
\t:
{lines}
fi
[ "$1" = again ] || poweroff -f
"""


def _run(workload: Workload) -> tuple[str, ...]:
    name = shlex.quote(workload.name)
    if workload.tests or workload.files:
        return (f"echo {name} needs the rig: left out",)
    path, *args = workload.argv
    program = f"/own/{workload.program.name}" if workload.program else path
    variables = " ".join(f"{key}={shlex.quote(value)}" for key, value in workload.environment)
    words = shlex.join((f"--scan={workload.leaks}", workload.name, "--", program, *args))
    return (f"echo running {name}", f"{variables} /bin/rig-run {words}".lstrip())
