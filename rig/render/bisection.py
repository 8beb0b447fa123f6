"""A bisection as lines, as a screen and as JSON. No I/O."""

import json
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rig.bisection import Bisection, Tried
from rig.duration import clock
from rig.model import Commit, Count
from rig.render.escape import printable
from rig.render.wording import many, one_line
from rig.suspects import Suspect, percent

SCHEMA = 1
SLIGHT = 0.005  # odds that are not worth a word
MOST_NAMED = 4  # suspects in a line
MOST_ROWS = 16  # kernels in the table


def step(tried: Tried, found: Bisection) -> str:
    """Return the line about a kernel that was just tried, and what is suspected now."""
    return f"{tried.name} ({tried.kernel} of {len(found.series.commits)}): {_came_to(tried)}; {odds(found)}"


def odds(found: Bisection) -> str:
    """Return the suspects with their odds: "1a2b3c: 87 %, 4d5e6f: 11 %"."""
    worth = [each for each in found.suspects if each.odds >= SLIGHT][:MOST_NAMED]
    named = ", ".join(f"{_name(each, found)}: {percent(each.odds)}" for each in worth)
    rest = 1 - sum(each.odds for each in worth)
    return f"{named}, others: {percent(rest)}" if rest >= SLIGHT else named


def summary(found: Bisection) -> Group:
    """Return the answer, what it rests on, and how to see more."""
    return Group(*_summary(found))


def _summary(found: Bisection) -> Iterator[RenderableType]:
    yield from _answer(found)
    if found.suspects:
        yield Text()
        yield _table(found)
        yield Text()
        yield Text(f"odds: {odds(found)}")
    built = sum(not each.skipped for each in found.tried)
    trials = sum(each.count.trials + each.void for each in found.tried) if _booted(found) else 0
    steps = many(len(found.series.commits), "commit")
    yield Text(f"{steps}, {many(built, 'kernel')}, {many(trials, 'trial')} in {clock(found.seconds)}", style="dim")
    yield Text(f"more: rig show {found.run}")


def _answer(found: Bisection) -> Iterator[Text]:
    title = printable(one_line(found.finding))
    if not found.answer:
        yield Text.assemble(("undecided", "bold yellow"), f": {printable(one_line(found.undecided))}")
        yield Text(f"  looked for: {title}")
        return
    sure = f"{percent(found.suspects[0].odds)} sure"
    if len(found.answer) > 1:
        yield Text(
            f"one of {len(found.answer)} commits, {sure}; the kernels between them can't be tried:", style="bold"
        )
    for commit in found.answer:
        yield Text(f"{commit.short} {one_line(commit.subject)}", style="bold red")
        yield from (Text(f"  {line}") for line in _about(commit))
    having, without = found.counted(having=True), found.counted(having=False)
    yield Text.assemble("brought in ", (title, "bold"), f" ({sure})" if len(found.answer) == 1 else "")
    yield Text(f"  with it {_of(having)} show it, without it {_of(without)}")


def _about(commit: Commit) -> Iterator[str]:
    if commit.id:
        yield f"commit {commit.id}"
    who = ", ".join(filter(None, (commit.author, commit.date[:10])))
    if who:
        yield f"author {one_line(who)}"
    if commit.merge:
        fork = f"$(git merge-base {commit.short}^1 {commit.short}^2)"
        yield f"a merge: rig bisect {fork} {commit.short}^2 looks into it"


def _of(count: Count) -> str:
    return f"{count.hits} of {count.trials} trials"


# ---- the table


def _table(found: Bisection) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("kernel", "shows it", "odds", ""):
        table.add_column(column, overflow="fold")
    for each in _shown(found):
        table.add_row(*_row(each, found))
    return table


def _shown(found: Bisection) -> list[Tried]:
    """Return the kernels nearest to the answer, in their order, if there are more than a screen has room for."""
    middle = found.suspects[0].steps[0]
    nearest = sorted(found.tried, key=lambda each: abs(each.kernel - middle))[:MOST_ROWS]
    return sorted(nearest, key=lambda each: each.kernel)


def _row(tried: Tried, found: Bisection) -> tuple[Text, ...]:
    own = next((each for each in found.suspects if tried.kernel == each.steps[-1]), None)
    style = "red" if tried.count.hits else ""
    return (
        Text(printable(tried.name), style=style),
        Text(printable(one_line(_came_to(tried))), style=style),
        Text(percent(own.odds) if own and own.odds >= SLIGHT else ""),
        Text(one_line(tried.subject) or "the good one"),
    )


def _came_to(tried: Tried) -> str:
    if tried.skipped:
        return f"skipped: {tried.skipped}"
    if tried.same:
        return f"same as {tried.same}"
    void = f", {tried.void} could not" if tried.void else ""
    return f"{tried.count.hits} of {tried.count.trials}{void}"


def _name(suspect: Suspect, found: Bisection) -> str:
    commits = found.commits(suspect)
    if not commits:
        return f"{found.series.base.name} already"
    return commits[0].short if len(commits) == 1 else f"{commits[0].short} to {commits[-1].short}"


def _booted(found: Bisection) -> bool:
    return not found.finding.startswith(("build failure: ", "compiler warning: "))


# ---- JSON


def to_json(found: Bisection) -> str:
    """Return all there is to know, for programs."""
    document = {
        "schema": SCHEMA,
        "found": bool(found.answer),
        "undecided": found.undecided or None,
        "finding": found.finding,
        "good": found.series.base.name,
        "bad": found.series.commits[-1].short,
        "commits": len(found.series.commits),
        "confidence": found.confidence,
        "profile": found.profile,
        "workloads": found.workloads,
        "suspects": [_suspect(each, found) for each in found.suspects],
        "tried": [_record(each, found) for each in found.tried],
        "seconds": found.seconds,
        "run": found.run,
    }
    return json.dumps(document, indent=2) + "\n"


def _suspect(suspect: Suspect, found: Bisection) -> dict[str, object]:
    commits = [
        {"id": each.id, "short": each.short, "subject": each.subject, "author": each.author, "date": each.date}
        for each in found.commits(suspect)
    ]
    return {"odds": suspect.odds, "already_in_good": 0 in suspect.steps, "commits": commits}


def _record(tried: Tried, found: Bisection) -> dict[str, object]:
    commit = found.series.commits[tried.kernel - 1].id if tried.kernel else ""
    return {
        "step": tried.kernel,
        "name": tried.name,
        "id": commit,
        "hits": tried.count.hits,
        "trials": tried.count.trials,
        "void": tried.void,
        "skipped": tried.skipped or None,
        "same_as": tried.same or None,
    }
