"""All that the parts of a night have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rig import duration
from rig.experiment import Overrides
from rig.memory import nights
from rig.memory.database import Database
from rig.memory.values import Job, Night, Where
from rig.nightly.kernels import Line
from rig.nightly.known import KnownIssue
from rig.nightly.matrix import NightlyFile, Place
from rig.progress import Progress


def of_host(what: str, host: str) -> str:
    """Return the key of a note of one host: several may share a memory, each with nights of its own."""
    return f"{what}, {host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A night at work."""

    file: NightlyFile
    night: Night
    lines: Mapping[str, Line]  # by the kernels' names
    places: Mapping[Where, Place]
    memory: Database
    progress: Progress
    issues: tuple[KnownIssue, ...]
    overrides: Overrides  # what the command line says of guests: acceleration, how many at once
    directory: Path  # of the plan, that its paths are meant from

    @property
    def left(self) -> float:
        """Return the seconds until the night has to be over; less than 0 if it should be."""
        return (datetime.fromisoformat(self.night.deadline) - datetime.now(UTC)).total_seconds()

    def save(self, job: Job) -> Job:
        """Keep what has become of a job."""
        with self.memory.session() as session:
            nights.save_job(session, job)
        return job

    def begin(self, job: Job) -> None:
        """Say what is done now."""
        about = f" for {job.title}" if job.title else f": {', '.join(job.workloads)}"
        where = f"{job.where.kernel}, {job.where.profile}, {job.where.shape}"
        left = f"{duration.clock(self.left)} of the night left"
        self.progress.note(f"job {job.number}, {job.kind}: {where}{about}; {left}")

    def about(self, job: Job) -> Overrides:
        """Return what a job's trials are like."""
        place = self.places[job.where]
        return replace(
            self.overrides,
            profile=job.where.profile,
            workloads=job.workloads,
            repeats=self.file.repeats,
            confirm=self.file.confirm,
            seconds=self.file.seconds,
            vcpus=place.shape.vcpus,
            memory=place.shape.memory_mib,
            cmdline=place.shape.cmdline,
            coverage=False,
            budget=max(1, int(self.left)),
        )
