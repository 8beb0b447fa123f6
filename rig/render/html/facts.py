"""What both sides were made of and run with, as rows to compare. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from rig.model import BuildFailure, Kernel, Run

ALIKE = ("configuration", "compiler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing about each side; `patched` is None where there is but one value for both."""

    name: str
    base: str
    patched: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the sides are not alike in it."""
        return self.patched is not None and self.base != self.patched

    @property
    def doubtful(self) -> bool:
        """Whether they should be, for what they show to be the patch's doing."""
        return self.differs and self.name in ALIKE


def kernels(run: Run) -> tuple[Fact, ...]:
    """Return what is known of the kernels of both sides."""
    base = dict(_kernel(run.base))
    patched = dict(_kernel(run.patched)) if run.patched else None
    return tuple(
        Fact(name=name, base=value, patched=patched.get(name, "") if patched else None) for name, value in base.items()
    )


def _kernel(kernel: Kernel | BuildFailure) -> Iterator[tuple[str, str]]:
    yield "kernel", kernel.name
    if isinstance(kernel, BuildFailure):
        yield "release", "does not compile"
        return
    yield "release", kernel.release
    yield "source tree", kernel.tree
    yield "configuration", kernel.config_digest
    yield "compiler", kernel.compiler
    yield "digest", kernel.digest
    yield "built in", f"{kernel.seconds:.0f} s"


def machine(run: Run) -> tuple[Fact, ...]:
    """Return what both sides ran with."""
    environment = run.environment
    told = {
        "acceleration": f"{environment.accel}: {environment.accel_reason}",
        "QEMU": environment.qemu,
        "guest": f"{environment.vcpus} vCPUs ({environment.cpu}), {environment.memory_mib} MiB",
        "kernel command line": " ".join(("the profile's", *environment.cmdline)),
        "its clock": "counts instructions" if environment.clock == "virtual" else "the host's",
        "profile": environment.profile,
        "image": environment.image,
        "threads, seed": f"{environment.threads} a workload, {environment.seed}",
        "host": environment.host,
    }
    return tuple(Fact(name=name, base=value) for name, value in told.items())


def settings(run: Run) -> tuple[Fact, ...]:
    """Return how far the plan wanted to go; () for a run of an earlier version."""
    chosen = run.settings
    if not chosen:
        return ()
    told = {
        "workloads": ", ".join(chosen.workloads),
        "stress": f"{chosen.seconds} s a workload and trial",
        "repeats": f"{chosen.repeats} a side, up to {chosen.confirm} more for each suspicion",
        "confidence": f"{chosen.confidence:.0%} wanted of new and fixed",
        "guarded": ", ".join(chosen.guarded) or "nothing",
        "budget": "as long as it takes" if chosen.budget is None else f"{chosen.budget / 60:.0f} min",
    }
    return tuple(Fact(name=name, base=value) for name, value in told.items())
