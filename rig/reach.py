"""Which workloads and profiles changed files call for, by a table of paths. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydantic import Field

from rig import yamlfile


class RuleFile(yamlfile.Strict):
    """One rule of configs/reach.yaml."""

    paths: list[str] = Field(min_length=1)
    workloads: list[str]
    profiles: list[str] = Field(default=[])
    why: str


class TableFile(yamlfile.Strict):
    """configs/reach.yaml."""

    rules: list[RuleFile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a change calls for: names of workloads and of further profiles, the most called for first."""

    workloads: tuple[str, ...]
    profiles: tuple[str, ...]
    why: tuple[str, ...]  # one reason for each rule that fits


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Files, and what their change calls for."""

    paths: tuple[str, ...]
    workloads: tuple[str, ...]
    profiles: tuple[str, ...]
    why: str

    def fits(self, file: str) -> bool:
        """Say whether `file`, named from the top of the kernel tree, is meant."""
        return any(fnmatchcase(file, pattern) for pattern in self.paths)


def load(text: str, where: str) -> tuple[Rule, ...]:
    """Return the rules in YAML `text` that came from `where`; raises InputError."""
    read = yamlfile.parse(TableFile, text, where)
    return tuple(
        Rule(paths=tuple(each.paths), workloads=tuple(each.workloads), profiles=tuple(each.profiles), why=each.why)
        for each in read.rules
    )


def of(files: Iterable[str], rules: tuple[Rule, ...]) -> Reach:
    """Return what a change of `files` calls for: all that any of them does; the first rule that fits a file counts."""
    firsts = (next((rule for rule in rules if rule.fits(file)), None) for file in files)
    found = tuple(dict.fromkeys(rule for rule in firsts if rule))
    return Reach(
        workloads=tuple(dict.fromkeys(name for rule in found for name in rule.workloads)),
        profiles=tuple(dict.fromkeys(name for rule in found for name in rule.profiles)),
        why=tuple(f"{', '.join(rule.workloads) or 'nothing to run'}: {rule.why}" for rule in found),
    )
