"""Which of the lines that a series changes ran, by commit and function. No I/O."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from unidiff.patch import Hunk, PatchedFile

from rig.gcov import Counted
from rig.model import ChangedLine, Comparison, Coverage, Verdict
from rig.reports.touched import functions, read

NO_CODE = "the compiler made no code of it that gcov counts"
NO_COUNTERS = "its counters could not be fetched"
_STATEMENT = re.compile(r";\s*(?:/\*.*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a boot had counted when one of its workloads was over."""

    boot: int
    workload: str
    counted: Counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The changed lines of one function that have code: those that one commit was the last to write."""

    commit: int
    file: str
    function: str  # "" outside of all
    ran: int
    changed: int


# ---- what changes


def changed(diffs: Sequence[str]) -> tuple[ChangedLine, ...]:
    """Return the lines that `diffs`, one a commit and in order, add and leave in place, without counts.

    Raises PatchError for text that is no patch.
    """
    found: dict[str, tuple[ChangedLine, ...]] = {}
    for commit, text in enumerate(diffs):
        files = list(read(text))
        before = {file.path: found.pop(_source(file), ()) for file in files}
        for file in files:
            if not file.is_removed_file:
                found[file.path] = tuple(sorted(_after(before[file.path], file, commit), key=lambda line: line.line))
    return tuple(line for file in sorted(found) for line in found[file])


def touched(lines: Iterable[ChangedLine]) -> Mapping[str, frozenset[str]]:
    """Return the files that `lines` are in, with the functions."""
    by_file: defaultdict[str, set[str]] = defaultdict(set)
    for line in lines:
        by_file[line.file].update(filter(None, (line.function,)))
    return {file: frozenset(names) for file, names in by_file.items()}


def _source(file: PatchedFile) -> str:
    """Return what a file was called before."""
    return str(file.source_file).removeprefix("a/") if file.is_rename else str(file.path)


def _after(before: tuple[ChangedLine, ...], file: PatchedFile, commit: int) -> Iterator[ChangedLine]:
    """Yield the changed lines of a file after `commit`: those of earlier ones where they are now, and its own."""
    for line in before:
        if moved := _moved(line.line, file):
            yield replace(line, file=file.path, line=moved)
    for hunk in file:
        for own, function in functions(hunk):
            if own.is_added and own.target_line_no:
                text = own.value.rstrip("\r\n")
                yield ChangedLine(
                    file=file.path, line=own.target_line_no, text=text, function=function, commit=commit, count=None
                )


def _moved(number: int, hunks: Iterable[Hunk]) -> int | None:
    """Return where a line of the source is in the target, None if it is there no more."""
    shift = 0
    for hunk in hunks:
        if number < hunk.source_start + (hunk.source_length == 0):
            break
        if number < hunk.source_start + hunk.source_length:
            return next((line.target_line_no for line in hunk if line.source_line_no == number), None)
        shift += hunk.target_length - hunk.source_length
    return number + shift


# ---- what ran


def measured(
    lines: tuple[ChangedLine, ...],
    looks: Sequence[Look],
    *,
    unmeasured: tuple[tuple[str, str], ...] = (),
    notes: tuple[str, ...] = (),
) -> Coverage:
    """Return `lines` with what `looks`, in the order in which they were taken, say of them."""
    if not looks:
        known = {file for file, _ in unmeasured}
        rest = sorted({line.file for line in lines} - known)
        return Coverage(lines=lines, unmeasured=(*unmeasured, *((file, NO_COUNTERS) for file in rest)), notes=notes)
    names = _names(lines, looks)
    told = tuple(_told(line, names[line.file], looks) for line in lines)
    return Coverage(
        lines=told,
        unmeasured=(*unmeasured, *_without_code(told, {file for file, _ in unmeasured})),
        workloads=tuple(dict.fromkeys(look.workload for look in looks)),
        notes=notes,
    )


def _names(lines: Iterable[ChangedLine], looks: Sequence[Look]) -> dict[str, frozenset[str]]:
    """Return by which names the compiler knows each file: with the path of the tree it was built in before them."""
    seen = {file for look in looks for file, _ in look.counted.lines}
    files = {line.file for line in lines}
    fitting = {name: [file for file in files if f"/{name}".endswith(f"/{file}")] for name in seen}
    nearest = {name: max(found, key=len) for name, found in fitting.items() if found}
    return {file: frozenset(name for name, own in nearest.items() if own == file) for file in files}


def _told(line: ChangedLine, names: frozenset[str], looks: Sequence[Look]) -> ChangedLine:
    counts = [_count(look.counted, names, line.line) for look in looks]
    function = next((name for look in looks if (name := _function(look.counted, names, line.line))), line.function)
    if all(count is None for count in counts):
        return replace(line, function=function)
    total, under, before = 0, [], 0
    for number, (look, count) in enumerate(zip(looks, counts, strict=True)):
        before = 0 if number and looks[number - 1].boot != look.boot else before
        more = max((count or 0) - before, 0)
        total, before = total + more, max(count or 0, before)
        under += [look.workload] if more else []
    return replace(line, function=function, count=total, workloads=tuple(dict.fromkeys(under)))


def _count(counted: Counted, names: frozenset[str], line: int) -> int | None:
    found = [counted.lines[name, line] for name in names if (name, line) in counted.lines]
    return sum(found) if found else None


def _function(counted: Counted, names: frozenset[str], line: int) -> str:
    """Return the function that a line is in, as far as the compiler made code of it; the innermost one."""
    around = [each for each in counted.functions if each.file in names and each.first <= line <= each.last]
    return max(around, key=lambda each: each.first).name if around else ""


def _without_code(lines: Iterable[ChangedLine], known: set[str]) -> Iterator[tuple[str, str]]:
    """Yield functions with statements that change, none of which has code: never used, or kept out of gcov."""
    by_function: defaultdict[tuple[str, str], list[ChangedLine]] = defaultdict(list)
    for line in lines:
        if line.function and line.file not in known:
            by_function[line.file, line.function].append(line)
    for (file, function), own in by_function.items():
        if all(line.count is None for line in own) and any(_STATEMENT.search(line.text) for line in own):
            yield f"{file}: {function}()", NO_CODE


# ---- what that comes to


def rows(coverage: Coverage) -> tuple[Row, ...]:
    """Return how many changed lines of each commit and function ran, of those that have code."""
    groups: defaultdict[tuple[int, str, str], list[bool]] = defaultdict(list)
    for line in coverage.lines:
        if line.count is not None:
            groups[line.commit, line.file, line.function].append(line.count > 0)
    found = (
        Row(commit=commit, file=file, function=function, ran=sum(ran), changed=len(ran))
        for (commit, file, function), ran in groups.items()
    )
    return tuple(sorted(found, key=lambda row: row.commit))


def total(coverage: Coverage) -> tuple[int, int]:
    """Return how many changed lines ran, and how many have code."""
    counts = [line.count for line in coverage.lines if line.count is not None]
    return sum(count > 0 for count in counts), len(counts)


def share(coverage: Coverage) -> float | None:
    """Return the share of changed lines that ran, of those that have code; None if none has."""
    ran, changed = total(coverage)
    return ran / changed if changed else None


def missed(coverage: Coverage) -> tuple[ChangedLine, ...]:
    """Return the changed lines that have code and never ran."""
    return tuple(line for line in coverage.lines if line.count == 0)


def never(coverage: Coverage) -> tuple[str, ...]:
    """Return the functions none of whose changed lines ran."""
    ran: defaultdict[tuple[str, str], int] = defaultdict(int)
    for row in rows(coverage):
        ran[row.file, row.function] += row.ran
    return tuple(dict.fromkeys(function for (_, function), count in ran.items() if function and not count))


def sentence(coverage: Coverage) -> str:
    """Return the figures in words."""
    ran, changed = total(coverage)
    return f"{ran} of {changed} changed lines ran" if changed else "no changed line has code that was counted"


def judged(comparison: Comparison, coverage: Coverage, required: float | None) -> Comparison:
    """Return `comparison` with what `coverage` has against it: below the `required` percentage, nothing is clean."""
    reached = share(coverage)
    enough = not coverage.unmeasured if reached is None else 100 * reached >= (required or 0)
    if required is None or enough:
        return comparison
    return _doubted(comparison, f"{sentence(coverage)}; {required:g} % are asked for")


def unknown(comparison: Comparison, why: str, required: float | None) -> Comparison:
    """Return `comparison` where coverage could not be measured."""
    note = f"patch coverage was not measured: {why}"
    if required is None:
        return replace(comparison, notes=(*comparison.notes, note))
    return _doubted(comparison, f"{note}; {required:g} % are asked for")


def _doubted(comparison: Comparison, note: str) -> Comparison:
    verdict = Verdict.INCONCLUSIVE if comparison.verdict is Verdict.CLEAN else comparison.verdict
    return replace(comparison, verdict=verdict, notes=(*comparison.notes, note))
