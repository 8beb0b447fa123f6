"""The step of a series that brought a finding in: the kernel that tells the most per second is built and tried next."""

import hashlib
from dataclasses import dataclass, field, replace
from itertools import combinations, count
from math import inf
from pathlib import Path

from rig import compare, duration, pipeline, rounds, settling, shown, store, suspects
from rig.bisection import Bisection, Tried
from rig.budget import Budget
from rig.compare import Side, SideName
from rig.errors import BuildError, InputError
from rig.experiment import Plan
from rig.kernel import commits
from rig.kernel.build import foreseen
from rig.model import BuildFailure, Count, End, Finding, Kernel, Run, Series, Trial
from rig.plan import guests_that_fit
from rig.progress import Progress
from rig.render import bisection as words
from rig.render.wording import many
from rig.rounds import Bench
from rig.shown import Known
from rig.suspects import Evidence

MOST_TRIALS = 200
MOST_ASKED = 200  # steps
MOST_AT_ONCE = 4  # trials of a kernel: more of the same say little
USUAL_BUILD, USUAL_TRIAL = 60.0, 40.0  # seconds, as long as none was seen
LISTED = 5  # other findings, for who misspelt one


@dataclass(slots=True, kw_only=True)
class Search:
    """How far it has got. Kernel 0 is the good one, kernel k has the first k steps."""

    bench: Bench
    series: Series
    title: str
    known: Known | None = None  # None for what shows in being built
    workloads: tuple[str, ...] = ()
    there: frozenset[int] = frozenset()  # kernels that an earlier run has built
    kernels: dict[int, Kernel | BuildFailure] = field(default_factory=dict)
    bits: dict[int, str] = field(default_factory=dict)  # digests of what boots
    trials: dict[int, tuple[Trial, ...]] = field(default_factory=dict)
    shown: dict[int, tuple[bool | None, ...]] = field(default_factory=dict)  # whether trials did; None: could not have
    skipped: dict[int, str] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """Return the number of the bad kernel."""
        return len(self.series.commits)

    @property
    def good(self) -> Side:
        """Return the good side."""
        return self.side(0)

    @property
    def bad(self) -> Side:
        """Return the bad side."""
        return self.side(self.last)

    @property
    def total(self) -> int:
        """Return how many trials there were."""
        return sum(map(len, self.trials.values()))

    @property
    def evidence(self) -> Evidence:
        """Return what is known."""
        return Evidence(
            steps=self.last,
            counts={kernel: self.count(kernel) for kernel in self.shown},
            skipped=frozenset(self.skipped),
            same=tuple((one, other) for one, other in combinations(sorted(self.bits), 2) if self._alike(one, other)),
            sure=self.known is None or self.known.sure,
        )

    def side(self, kernel: int) -> Side:
        """Return a kernel with its trials."""
        return Side(kernel=self.kernels[kernel], trials=self.trials.get(kernel, ()))

    def count(self, kernel: int) -> Count:
        """Return in how many of the trials of a kernel that could have shown it the finding was seen."""
        able = [each for each in self.shown.get(kernel, ()) if each is not None]
        return Count(hits=sum(able), trials=len(able))

    def name(self, kernel: int) -> str:
        """Return what a kernel is called."""
        return self.series.commits[kernel - 1].short if kernel else self.series.base.name

    def alike(self, kernel: int) -> int | None:
        """Return a kernel that has the same bits, one that was tried if there is any."""
        others = (other for other in self.bits if other != kernel and self._alike(kernel, other))
        return min(others, key=lambda other: (other not in self.shown, other), default=None)

    def _alike(self, one: int, other: int) -> bool:
        return self.bits.get(one) == self.bits[other]


async def bisect(plan: Plan, title: str, draft: store.Draft, progress: Progress, command: str) -> tuple[Bisection, Run]:
    """Find the step from the plan's base to its patched kernel that brought in what `title` names.

    The run that is returned, and kept in `draft`, compares the kernels before the answer with those that have it; the
    good with the bad one if there is none. Raises InputError if nothing is known of what lies between them, BuildError
    if the good kernel can't be built or the bad one for another reason, HostError. Trials that `draft` has already
    count: of a search that was interrupted.
    """
    assert plan.patched
    series = await commits.between(plan.base, plan.patched, draft.directory / "series", progress, diffs=False)
    if not series.commits:
        raise InputError(f"no commit lies between {plan.base.name} and {plan.patched.name}")
    there = await _there(series, plan, progress)
    search = Search(bench=await _bench(plan, draft, progress), series=series, title=title, there=there)
    _take(search, 0, await pipeline.build_base(series.base, search.bench))
    _take(search, search.last, await pipeline.build_side(series.commits[-1].recipe, search.bench))
    search.trials = _kept(search)
    why = await _recognize(search) or await _narrow(search)
    found = _found(search, why)
    run = await _run(search, found, command)
    draft.finish(run)
    return found, run


async def _bench(plan: Plan, draft: store.Draft, progress: Progress) -> Bench:
    bench = await pipeline.prepare(plan, draft, progress, Budget(seconds=plan.budget))
    # of all kernels, whichever side one turns out to be of
    boots = count(1 + max((trial.index for trial in draft.kept()), default=0))
    return replace(bench, numbers={"base": boots, "patched": boots}, more=True)


async def _there(series: Series, plan: Plan, progress: Progress) -> frozenset[int]:
    """Return the kernels that need not be built; none of a long series, where asking takes longer than it saves."""
    if len(series.commits) > MOST_ASKED:
        return frozenset()
    found = [await foreseen(commit.recipe, plan.profile, progress) for commit in series.commits]
    return frozenset(number for number, building in enumerate(found, start=1) if building == "there")


def _kept(search: Search) -> dict[int, tuple[Trial, ...]]:
    """Return the trials made before the search was interrupted, by kernel."""
    recipes = (search.series.base, *(commit.recipe for commit in search.series.commits))
    numbers = {recipe.name: kernel for kernel, recipe in enumerate(recipes)}
    found: dict[int, tuple[Trial, ...]] = {}
    for trial in search.bench.draft.kept():
        if trial.kernel in numbers:
            found[numbers[trial.kernel]] = (*found.get(numbers[trial.kernel], ()), trial)
    return found


# ---- the finding


async def _recognize(search: Search) -> str:
    """Have the bad kernel show the finding, the good one at its side; return why nothing can be looked for, or ""."""
    if _in_build(search):
        for kernel in (0, search.last):
            _judge_build(search, kernel)
        return ""
    bad = search.kernels[search.last]
    if isinstance(bad, BuildFailure):
        raise BuildError(f"{bad.name} does not compile:\n" + "\n".join(bad.errors[:10]), hint=f"log: {bad.log}")
    search.workloads = search.bench.planned
    found = await _seen(search)
    if not found:
        return _not_shown(search)
    for kernel in search.trials.keys() - search.kernels.keys():
        await _build(search, kernel)
    _know(search, found)
    while not _tried_enough(search):
        await _try(search, search.last)
    _tell(search, search.last)
    _tell(search, 0)
    return ""


def _tried_enough(search: Search) -> bool:
    """Whether the bad kernel has shown how often it shows the finding."""
    enough = search.evidence.sure or search.count(search.last).trials >= search.bench.plan.repeats
    return enough or bool(search.bench.budget.left_out) or search.last in search.skipped


def _in_build(search: Search) -> bool:
    """Say whether being built shows the finding, and call it by its title then."""
    bad, good = (Side(kernel=search.kernels[number]) for number in (search.last, 0))
    found = shown.named(search.title, shown.of_bad(bad, good, settling.rules(search.bench, ())))
    search.title = found.title if found else search.title
    return found is not None


async def _seen(search: Search) -> Finding | None:
    """Try the bad kernel, the first time beside the good one, until it shows the finding or was given its chance."""
    plan, rules = search.bench.plan, settling.rules(search.bench, search.workloads)
    most = plan.repeats + plan.confirm
    while True:
        found, fitting = search.bad.trials, shown.fitting(search.title, shown.of_bad(search.bad, search.good, rules))
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
        if found:
            search.bench.progress.note(_not_shown(search))
        if len(found) >= most or search.bench.budget.left_out:
            return None
        repeats = min(_seats(search), most - len(found)) if found else 1
        await _boot(search, search.last, repeats=repeats, beside=not search.good.trials)


def _know(search: Search, found: Finding) -> None:
    """Have the finding known by its trials, and go on with only the workloads that showed it."""
    where = found.workload.split(", ")
    search.title = found.title
    search.workloads = tuple(name for name in search.bench.planned if name in where)
    search.known = shown.known(found, search.bad, search.good, settling.rules(search.bench, search.workloads))
    for kernel in search.trials:
        _judge(search, kernel)


def _spent(search: Search) -> str:
    return f"the budget of {duration.words(search.bench.plan.budget or 0)} is spent"


def _not_shown(search: Search) -> str:
    seen = shown.of_bad(search.bad, search.good, settling.rules(search.bench, search.workloads))
    if fitting := shown.fitting(search.title, seen):
        return f"{search.title} fits {len(fitting)} findings: {_titles(fitting)}"
    trials = many(len(search.bad.trials), "trial")
    return (
        f"{search.name(search.last)} did not show it in {trials}"
        + (f", but: {_titles(seen)}" if seen else "")
        + (f"; {_spent(search)}" if search.bench.budget.left_out else "")
    )


def _titles(findings: tuple[Finding, ...]) -> str:
    return "; ".join(each.title for each in findings[:LISTED])


# ---- kernels


async def _narrow(search: Search) -> str:
    """Try kernels until the answer is sure enough; return "" or why it is not."""
    while (first := suspects.suspects(search.evidence)[0]).odds < search.bench.plan.confidence:
        if search.total >= MOST_TRIALS:
            return f"{many(search.total, 'trial')} did not settle it"
        if not search.bench.budget.admits(search.workloads):
            return _spent(search)
        kernel = suspects.best(search.evidence, lambda kernel: _seconds(search, kernel), _at_once(search))
        if kernel is None:
            return "no trial would tell more" if search.bench.plan.budget is None else _spent(search)
        await _step(search, kernel)
    return "" if any(first.steps) else f"{search.name(0)} has it already"


async def _step(search: Search, kernel: int) -> None:
    """Build a kernel and try it, or try one again; tell what came of it."""
    fresh = kernel not in search.kernels
    if fresh:
        await _build(search, kernel)
    if kernel not in search.skipped and not (fresh and (search.known is None or search.alike(kernel) is not None)):
        await _try(search, kernel)
    _tell(search, kernel)


async def _build(search: Search, kernel: int) -> None:
    """Build a kernel; one that can't be had is skipped."""
    try:
        built = await pipeline.build_side(search.series.commits[kernel - 1].recipe, search.bench)
    except BuildError as error:  # a configuration that this commit does not have
        search.skipped[kernel] = str(error).splitlines()[0]
        return
    _take(search, kernel, built)
    if search.known is None:
        _judge_build(search, kernel)
    elif isinstance(built, BuildFailure):
        search.skipped[kernel] = f"does not build: {built.errors[0]}"


def _take(search: Search, kernel: int, built: Kernel | BuildFailure) -> None:
    search.kernels[kernel] = built
    if isinstance(built, Kernel):
        search.bits[kernel] = _bits(built.bzimage)


def _bits(image: Path) -> str:
    """Return the digest of what boots: commits that change nothing that is built give the same."""
    with image.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _good(search: Search) -> Kernel:
    kernel = search.kernels[0]
    assert isinstance(kernel, Kernel)
    return kernel


async def _try(search: Search, kernel: int) -> None:
    """Make trials of a kernel, as many at once as there is room for."""
    await _boot(search, kernel, repeats=_at_once(search))
    _judge(search, kernel)
    trials, able = search.trials[kernel], search.count(kernel).trials
    dead = all(trial.end is End.NEVER_BOOTED for trial in trials)
    if trials and not able and (dead or len(trials) > 2 * MOST_AT_ONCE):
        search.skipped[kernel] = f"does not boot: {trials[0].end_reason}" if dead else "its trials could show nothing"


async def _boot(search: Search, kernel: int, *, repeats: int, beside: bool = False) -> None:
    """Make trials of a kernel; `beside` it as many of the good one."""
    side = search.side(kernel)
    bench = await pipeline.equipped(search.bench, _good(search), side.kernel if kernel else None)
    sides = (search.good, side) if kernel else (search.good,)
    names = rounds.NAMES if beside else rounds.NAMES[1:] if kernel else rounds.NAMES[:1]
    with bench.stage(f"try {search.name(kernel)}"):
        done = await rounds.run(bench, sides, search.workloads, repeats, names)
    search.trials[0] = done[0].trials
    search.trials[kernel] = done[-1].trials


def _at_once(search: Search) -> int:
    """Return how many trials of a kernel are made before it is asked again which one is next."""
    return 1 if search.evidence.sure else _seats(search)


def _seats(search: Search) -> int:
    plan = search.bench.plan
    return min(MOST_AT_ONCE, plan.jobs or guests_that_fit(plan.shape, search.bench.accel))


def _seconds(search: Search, kernel: int) -> float:
    """Return what it will take to try a kernel, by what the others took; infinity if it is not to be."""
    if search.known is None and kernel in search.kernels:  # a build gives the same again
        return inf
    builds = [each.seconds for each in search.kernels.values() if each.seconds]
    trials = [trial.seconds for each in search.trials.values() for trial in each]
    build = sum(builds) / len(builds) if builds else USUAL_BUILD
    boot = sum(trials) / len(trials) if trials else USUAL_TRIAL if search.known else 0.0
    seconds = 1.0 + boot + (0.0 if kernel in search.kernels or kernel in search.there else build)
    budget = search.bench.budget
    return seconds if budget.seconds is None or budget.gone + seconds <= budget.seconds else inf


# ---- what they show


def _judge(search: Search, kernel: int) -> None:
    assert search.known
    before = search.shown.get(kernel, ())
    more = search.trials[kernel][len(before) :]
    search.shown[kernel] = (*before, *map(search.known.shown, more))


def _judge_build(search: Search, kernel: int) -> None:
    rules = settling.rules(search.bench, ())
    seen = shown.built(search.title, search.kernels[kernel], _good(search), rules)
    search.shown[kernel] = (seen,)
    if seen is None:
        search.skipped[kernel] = "does not build for another reason"


def _tell(search: Search, kernel: int) -> None:
    search.bench.progress.note(words.step(_tried(search, kernel), _found(search, "going on")))


# ---- the answer


def _found(search: Search, why: str) -> Bisection:
    return Bisection(
        series=search.series,
        finding=search.title,
        workloads=search.workloads,
        profile=search.bench.plan.profile.name,
        confidence=search.bench.plan.confidence,
        tried=tuple(_tried(search, kernel) for kernel in sorted({*search.kernels, *search.skipped})),
        suspects=suspects.suspects(search.evidence) if search.shown else (),
        undecided=why,
        seconds=round(search.bench.budget.gone, 1),
        run=search.bench.draft.id,
    )


def _tried(search: Search, kernel: int) -> Tried:
    same, trials = search.alike(kernel), search.shown.get(kernel, ())
    return Tried(
        kernel=kernel,
        name=search.name(kernel),
        subject=search.series.commits[kernel - 1].subject if kernel else "",
        count=search.count(kernel),
        void=sum(each is None for each in trials) if search.known else 0,
        skipped=search.skipped.get(kernel, ""),
        same=search.name(same) if same is not None and kernel not in search.shown else "",
    )


async def _run(search: Search, found: Bisection, command: str) -> Run:
    """Return the kernels before the answer against those that have it, as a run; of good and bad if there is none."""
    steps = found.suspects[0].steps if found.answer else (1, search.last)
    able = [kernel for kernel in sorted(search.kernels) if kernel not in search.skipped]
    before = [kernel for kernel in able if kernel < steps[0]] or [0]
    after = [kernel for kernel in able if kernel >= steps[-1]] or [search.last]
    sides = (
        Side(kernel=search.kernels[before[-1]], trials=_as(search, before, "base")),
        Side(kernel=search.kernels[after[0]], trials=_as(search, after, "patched")),
    )
    comparison = compare.compare(*sides, settling.rules(search.bench, search.workloads))
    return await pipeline.conclude(search.bench, sides, comparison, command)


def _as(search: Search, kernels: list[int], side: SideName) -> tuple[Trial, ...]:
    draft = search.bench.draft
    return tuple(_moved(trial, side, draft) for kernel in kernels for trial in search.trials.get(kernel, ()))


def _moved(trial: Trial, side: SideName, draft: store.Draft) -> Trial:
    """Return a trial as one of `side`, its files renamed; all boots of a bisection have numbers of their own."""
    if trial.side == side:
        return trial
    for file in draft.directory.glob(f"*-{trial.side}-{trial.index}.log"):
        file.rename(file.with_name(_renamed(file.name, trial, side)))
    moved = replace(trial, side=side, console=_renamed(trial.console, trial, side))
    draft.keep(moved)
    (draft.trials / f"{trial.side}-{trial.index}.json").unlink(missing_ok=True)
    return moved


def _renamed(name: str, trial: Trial, side: SideName) -> str:
    return name.replace(f"-{trial.side}-{trial.index}.log", f"-{side}-{trial.index}.log")
