"""What may be said of a run in a cover letter: what exactly ran where, and what that shows. No I/O."""

import textwrap
from collections.abc import Iterator

from rig import coverage, statistics
from rig.model import Build, BuildFailure, FindingStatus, Presubmit, Run, Trial, Verdict
from rig.render import wording
from rig.render.mail import ascii_only

WIDTH = 72  # columns, as commit messages and letters have
MOST = 3  # findings by name


def to_cover(run: Run, tested_by: str = "") -> str:
    """Return a paragraph, and a Tested-by trailer for `tested_by` if nothing speaks against it."""
    paragraph = textwrap.fill(
        wording.one_line(" ".join(_sentences(run))), WIDTH, break_long_words=False, break_on_hyphens=False
    )
    return ascii_only("\n".join((paragraph, *_trailer(run, tested_by)))) + "\n"


def _sentences(run: Run) -> Iterator[str]:
    yield f"Checked with rig: {_what(run)}"
    if run.presubmit:
        yield from _by_itself(run, run.presubmit)
    yield from _compared(run)
    if run.presubmit:
        yield from _further(run.presubmit)
    yield from _found(run)
    if run.coverage and coverage.share(run.coverage) is not None:
        silent = coverage.never(run.coverage)
        yield f"{coverage.sentence(run.coverage)}{_silent(silent)}."


def _silent(names: tuple[str, ...]) -> str:
    return f"; what changes in {', '.join(f'{name}()' for name in names[:MOST])} never did" if names else ""


def _what(run: Run) -> str:
    if not run.presubmit:
        return f"{wording.title(run)}."
    number = len(run.presubmit.commits)
    return f"{number} commit{'' if number == 1 else 's'} on top of {run.presubmit.base}."


def _by_itself(run: Run, made: Presubmit) -> Iterator[str]:
    built = [each for each in made.commits if each.build is Build.BUILT]
    warned = sum(len(each.warnings) for each in made.commits)
    does = ("builds", "" if made.nothing else " and boots")
    if len(built) < len(made.commits):
        does = ("build", "" if made.nothing else " and boot")
    every = f"{len(built)} of {len(made.commits)}"
    if len(built) == len(made.commits):
        every = "Each" if len(built) > 1 else "It"
    yield (
        f"{every} {''.join(does)} ({_compiler(run)}; {wording.many(warned, 'new warning')} "
        "with W=1 in the files touched)."
    )
    if made.nothing:
        yield f"There was nothing to boot: {made.nothing}."


def _compiler(run: Run) -> str:
    return " ".join(wording.one_line(run.environment.compiler).split(",")[0].split()) or "a ready kernel"


def _compared(run: Run) -> Iterator[str]:
    stressed = {
        side: [each for each in run.trials if each.side == side and each.outcomes] for side in ("base", "patched")
    }
    if not stressed["patched"]:
        return
    env = run.environment
    names = dict.fromkeys(outcome.workload for trial in run.trials for outcome in trial.outcomes)
    yield (
        f"The result was compared with the base under {', '.join(names)}"
        + (f" ({run.settings.seconds} s each)" if run.settings else "")
        + f", {_boots(stressed['patched'], stressed['base'])}, in guests that nest KVM: profile {env.profile}, "
        f"{wording.guest(env)}, {_cpu(run)}."
    )


def _further(made: Presubmit) -> Iterator[str]:
    if made.further:
        names = " and ".join(each.profile for each in made.further)
        yield f"So it was, in a boot a side, under {names}."


def _boots(patched: list[Trial], base: list[Trial]) -> str:
    both = f"{len(patched)} and {len(base)}" if len(patched) != len(base) else f"{len(patched)}"
    return f"in {both} boot{'' if both == '1' else 's'} {'of it and of the base' if ' ' in both else 'a side'}"


def _cpu(run: Run) -> str:
    return "on KVM" if run.environment.accel == "kvm" else "emulated (TCG, SVM with nested paging)"


def _found(run: Run) -> Iterator[str]:
    comparison = run.comparison
    new = [each for each in comparison.findings if each.status is FindingStatus.NEW]
    if isinstance(run.patched, BuildFailure) or new:
        names = "; ".join(
            wording.one_line(each.title) + (f" ({each.commit})" if each.commit else "") for each in new[:MOST]
        )
        more = f"; and {len(new) - MOST} more" if len(new) > MOST else ""
        yield f"It introduces: {names}{more}."
        return
    if comparison.verdict is not Verdict.CLEAN:
        why = "; ".join((*comparison.notes, *wording.unsettled(comparison))[:MOST])
        yield f"That is {comparison.verdict}: {wording.one_line(why)}."
        return
    stressed = sum(bool(trial.outcomes) for trial in run.trials if trial.side == "patched")
    if stressed:
        missed = statistics.upper_bound(stressed, 0.95)
        yield (
            "Nothing was reported that the base does not report; what shows in fewer than "
            f"{missed:.0%} of boots may have been missed."
        )


def _trailer(run: Run, tested_by: str) -> Iterator[str]:
    if not tested_by:
        return
    yield ""
    if run.comparison.verdict is Verdict.CLEAN and any(trial.outcomes for trial in run.trials):
        yield f"Tested-by: {wording.one_line(tested_by)}"
    else:
        why = run.comparison.verdict if run.comparison.verdict is not Verdict.CLEAN else "nothing ran"
        yield f"(no Tested-by: {why})"
