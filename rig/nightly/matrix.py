"""What a night could run: kernels times profiles times workloads times guest shapes, with their weights. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import product
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rig import duration, yamlfile
from rig.memory.values import Where
from rig.model import Shape
from rig.nightly.tell import Tell

Patterns = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
LAST_GOOD = "last good"  # a base: the newest tip whose night was done and found nothing; `release` until there is one
Weight = Annotated[float, Field(gt=0)]


class KernelFile(yamlfile.Strict):
    """A kernel of configs/nightly.yaml: a KERNEL, or a branch of a git tree."""

    kernel: str = ""
    git: str = ""
    rev: str = ""
    fetch: str = ""
    base: str
    release: str = ""
    weight: Weight = 1.0
    profiles: list[str] = Field(default=[])

    @model_validator(mode="after")
    def _one(self) -> "KernelFile":
        if bool(self.kernel) == bool(self.git):
            raise ValueError("needs either `kernel` or `git`")
        if bool(self.git) != bool(self.rev):
            raise ValueError("`git` and `rev` go together: a tree and its branch")
        if self.fetch and not self.git:
            raise ValueError("`fetch` names a remote of `git`")
        if (self.base == LAST_GOOD) != bool(self.release) or (self.release and not self.git):
            raise ValueError(f"`base: {LAST_GOOD}` and `release` go together, for a branch of `git`")
        return self


class ShapeFile(yamlfile.Strict):
    """A guest shape of configs/nightly.yaml."""

    vcpus: int = Field(default=2, ge=1, le=16)
    memory: int = Field(default=1024, ge=256)
    tdp_mmu: bool | None = None
    nested_paging: bool | None = None
    huge_pages: Literal["always", "madvise", "never"] | None = None
    cmdline: list[str] = Field(default=[])
    weight: Weight = 1.0

    @field_validator("huge_pages", mode="before")
    @classmethod
    def _never(cls, value: object) -> object:
        return {True: "always", False: "never"}.get(value, value) if isinstance(value, bool) else value

    def shape(self) -> Shape:
        """Return what a guest is started with."""
        words = tuple(_words(self.tdp_mmu, self.nested_paging, self.huge_pages))
        return Shape(vcpus=self.vcpus, memory_mib=self.memory, cmdline=(*words, *self.cmdline))


def _words(tdp_mmu: bool | None, nested_paging: bool | None, huge_pages: str | None) -> Iterator[str]:
    if tdp_mmu is not None:
        yield f"kvm.tdp_mmu={int(tdp_mmu)}"
    if nested_paging is not None:  # whichever of the two modules is there; the other word is ignored
        yield from (f"kvm_amd.npt={int(nested_paging)}", f"kvm_intel.ept={int(nested_paging)}")
    if huge_pages is not None:
        yield f"transparent_hugepage={huge_pages}"


class ExcludeFile(yamlfile.Strict):
    """Patterns of what is not to run; what is not named fits all."""

    kernel: Patterns = Field(default=["*"])
    profile: Patterns = Field(default=["*"])
    shape: Patterns = Field(default=["*"])
    workload: Patterns = Field(default=["*"])

    def fits(self, where: Where, workload: str) -> bool:
        """Say whether a workload at a place is meant."""
        meant = ((where.kernel, self.kernel), (where.profile, self.profile), (where.shape, self.shape))
        pairs = (*meant, (workload, self.workload))
        return all(any(fnmatchcase(name, pattern) for pattern in patterns) for name, patterns in pairs)


def _bytes(written: object) -> object:
    return duration.size(str(written))


def _deadline(written: object) -> object:
    try:
        until(str(written), datetime.min)
    except ValueError as error:
        raise ValueError(f'{error}; or a time of the day, "06:00" in quotes') from None
    return str(written)


class NightlyFile(yamlfile.Strict):
    """configs/nightly.yaml."""

    deadline: Annotated[str, BeforeValidator(_deadline)] = "06:00"
    reserve: float = Field(default=0.2, ge=0, lt=1)
    plan: str = "default"
    seconds: int | None = Field(default=None, ge=1)
    repeats: int = Field(default=1, ge=1)
    confirm: int | None = Field(default=None, ge=0)
    kernels: dict[str, KernelFile] = Field(min_length=1)
    profiles: dict[str, Weight] = Field(min_length=1)
    workloads: dict[str, Weight] = Field(min_length=1)
    shapes: dict[str, ShapeFile] = Field(default={"default": ShapeFile()}, min_length=1)
    exclude: list[ExcludeFile] = Field(default=[])
    known_issues: str = ""
    database: str = ""
    site: str = ""
    quota: Annotated[int | None, BeforeValidator(_bytes)] = None
    tell: Tell = Field(default=Tell())


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place of the matrix with what can run there."""

    where: Where
    shape: Shape
    workloads: tuple[tuple[str, float], ...]  # names and weights, the weightiest first
    weight: float  # of the place itself


def places(file: NightlyFile) -> tuple[Place, ...]:
    """Return every place at which something may run."""
    every = (_place(file, *names) for names in product(file.kernels, file.profiles, file.shapes))
    return tuple(place for place in every if place.workloads)


def _place(file: NightlyFile, kernel: str, profile: str, shape: str) -> Place:
    where = Where(kernel=kernel, profile=profile, shape=shape)
    wanted = file.kernels[kernel].profiles
    named = file.workloads if not wanted or profile in wanted else {}
    allowed = {name: each for name, each in named.items() if not any(one.fits(where, name) for one in file.exclude)}
    return Place(
        where=where,
        shape=file.shapes[shape].shape(),
        workloads=tuple(sorted(allowed.items(), key=lambda item: -item[1])),
        weight=file.kernels[kernel].weight * file.profiles[profile] * file.shapes[shape].weight,
    )


def until(deadline: str, now: datetime) -> datetime:
    """Return when a night that begins `now` has to be over: after "4h", or at the next "06:00"; raises ValueError."""
    hour, colon, minute = deadline.partition(":")
    if not colon:
        return now + timedelta(seconds=duration.seconds(deadline))
    at = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    return at if at > now else at + timedelta(days=1)


def staleness(place: Place, workload: str, last: Mapping[tuple[Where, str], str], nights: tuple[str, ...]) -> int:
    """Return for how many of the last `nights`, the newest first, a workload did not run at a place; all if never."""
    ran = last.get((place.where, workload), "")
    return nights.index(ran) if ran in nights else len(nights)
