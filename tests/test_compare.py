from dataclasses import replace
from pathlib import Path

import pytest

from rig import compare
from rig.compare import Rules, Side, SideName
from rig.model import (
    BuildFailure,
    Case,
    Comparison,
    CompilerWarning,
    Count,
    End,
    FindingStatus,
    Frame,
    Left,
    Lock,
    MetricKind,
    Report,
    Status,
    Trace,
    Trial,
    Verdict,
)
from tests import values

BUG = values.report("KASAN: use-after-free Read in foo", "bad-access in foo")
RULES = Rules(planned=("churn",), profile="s")
HANG = values.report("BUG: soft lockup in foo")


def compared(
    base: list[Trial], patched: list[Trial], planned: tuple[str, ...] = ("churn",), known: tuple[str, ...] = ()
) -> Comparison:
    sides = (
        Side(kernel=values.kernel("base"), trials=tuple(base)),
        Side(kernel=values.kernel("patched"), trials=tuple(patched)),
    )
    return compare.compare(*sides, Rules(planned=planned, profile="sanitize", known=known))


def trials(side: SideName, *hits: Report | None) -> list[Trial]:
    """One trial for each of `hits`, with that report or none."""
    return [values.trial(side, *((hit,) if hit else ()), index=number) for number, hit in enumerate(hits, 1)]


def test_nothing_seen_on_either_side_is_clean() -> None:
    result = compared(trials("base", None, None, None), trials("patched", None, None, None))
    assert (result.verdict, result.findings, result.notes) == (Verdict.CLEAN, (), ())


@pytest.mark.parametrize(
    ("base", "patched", "status", "verdict"),
    [
        ([None] * 3, [BUG] * 3, FindingStatus.NEW, Verdict.REGRESSION),
        ([None] * 3, [BUG, None, None], FindingStatus.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        ([BUG] * 3, [None] * 3, FindingStatus.FIXED, Verdict.CLEAN),
        ([BUG, None, None], [None] * 3, FindingStatus.INCONCLUSIVE, Verdict.CLEAN),
        ([BUG, None, BUG], [BUG, BUG, None], FindingStatus.BOTH, Verdict.CLEAN),
        ([BUG] + [None] * 9, [BUG] * 10, FindingStatus.MORE_OFTEN, Verdict.CLEAN),
        ([BUG] * 10, [BUG] + [None] * 9, FindingStatus.LESS_OFTEN, Verdict.CLEAN),
    ],
)
def test_status_follows_the_counts(
    base: list[Report | None], patched: list[Report | None], status: FindingStatus, verdict: Verdict
) -> None:
    result = compared(trials("base", *base), trials("patched", *patched))
    assert [finding.status for finding in result.findings] == [status]
    assert result.verdict is verdict


@pytest.mark.parametrize(
    ("patched", "advice"),
    [
        ([BUG, None, BUG], "about 6 trials a side would settle it, if it stays as frequent: -w churn -n 6"),
        ([BUG, BUG, BUG], ""),
        ([BUG] + [None] * 99, "it is too rare to be settled by repeating; a workload that goes for it would help"),
    ],
)
def test_what_is_open_says_what_would_settle_it(patched: list[Report | None], advice: str) -> None:
    (finding,) = compared(trials("base", *[None] * len(patched)), trials("patched", *patched)).findings
    assert finding.advice == advice


def test_what_shows_at_boot_needs_no_workload_to_be_settled() -> None:
    (finding,) = compared(trials("base", None, None, None), [values.trial("patched", ("boot", BUG))] * 2).findings
    assert finding.advice.endswith("if it stays as frequent: -n 3")


def test_what_no_trial_could_have_shown_says_so() -> None:
    idle = values.trial("base", outcomes=(values.outcome(iterations=0),))
    (finding,) = compared([idle], trials("patched", BUG)).findings
    assert finding.advice == "no trial of base could have shown it: see why churn got nowhere"


def test_swapping_the_sides_mirrors_new_and_fixed() -> None:
    one = compared(trials("base", *[None] * 3), trials("patched", *[BUG] * 3)).findings[0]
    other = compared(trials("base", *[BUG] * 3), trials("patched", *[None] * 3)).findings[0]
    assert (one.status, other.status) == (FindingStatus.NEW, FindingStatus.FIXED)
    assert (one.base, one.patched, one.p_value) == (other.patched, other.base, other.p_value)


def test_reports_whose_titles_meet_are_one_finding() -> None:
    other = values.report("BUG: unable to handle kernel paging request in foo", "bad-access in foo")
    result = compared(trials("base", None, None, None), trials("patched", BUG, other, BUG))
    (finding,) = result.findings
    assert finding.patched == Count(hits=3, trials=3)
    assert other.title in finding.alt_titles


def stalled(title: str, *names: str, alias: str) -> Report:
    frames = tuple(Frame(function=name) for name in (*names, "vfs_ioctl", "do_syscall_64"))
    return values.report(title, alias, traces=(Trace(what="Call Trace", frames=frames),))


def deadlock(*names: str) -> Report:
    locks = tuple(Lock(name=name, site="foo") for name in names)
    told = f"possible deadlock: {', '.join(names)}"
    return values.report("possible deadlock in foo", locks=locks, signature=told)


def test_reports_whose_stacks_agree_are_one_finding_with_both_titles() -> None:
    soft = stalled("BUG: soft lockup in zap_all", "iter_next", "zap", "zap_all", alias="stall in zap_all")
    rcu = stalled("INFO: rcu detected stall in corrupted", "zap", "zap_all", alias="stall in corrupted")
    (finding,) = compared(trials("base", soft, soft), trials("patched", rcu, soft)).findings
    assert (finding.status, finding.title) == (FindingStatus.BOTH, soft.title)
    assert rcu.title in finding.alt_titles
    assert not any(title.startswith("stall: ") for title in finding.alt_titles)


def test_a_bug_goes_by_its_first_whole_report() -> None:
    half = values.report("INFO: rcu detected stall in corrupted", "stall in zap", corrupted=True)
    whole = values.report("BUG: soft lockup in zap", "stall in zap")
    (finding,) = compared(trials("base", half, whole), trials("patched", half)).findings
    assert (finding.title, finding.example) == (whole.title, whole.text)


def test_deadlocks_of_other_locks_are_other_findings() -> None:
    one, other = deadlock("a", "b"), deadlock("a", "c")
    found = compared(trials("base", one, one, one), trials("patched", other, one, other)).findings
    assert sorted((each.base.hits, each.patched.hits) for each in found) == [(0, 2), (3, 1)]


def test_what_fits_to_two_bugs_does_not_make_them_one() -> None:
    bare = values.report("possible deadlock in foo")
    found = compared(trials("base", deadlock("a", "b"), deadlock("a", "c"), bare), trials("patched", None)).findings
    assert sorted(each.base.hits for each in found) == [1, 2]


def test_bugs_meet_by_way_of_a_third() -> None:
    one, other = values.report("one"), values.report("other")
    between = values.report("third", "one", "other")
    (finding,) = compared(trials("base", one, other, between, other), trials("patched", None)).findings
    assert (finding.title, finding.base.hits) == ("one", 4)


def test_different_titles_are_different_findings() -> None:
    result = compared(trials("base", None), trials("patched", BUG) + trials("patched", HANG))
    assert {finding.title for finding in result.findings} == {BUG.title, HANG.title}


def test_trials_without_progress_do_not_count() -> None:
    idle = values.trial("base", outcomes=(values.outcome(iterations=0),))
    result = compared([idle, *trials("base", None)], trials("patched", BUG))
    assert result.findings[0].base == Count(hits=0, trials=1)


def test_a_workload_that_never_progressed_makes_it_inconclusive() -> None:
    idle = [values.trial("patched", outcomes=(values.outcome(status=Status.SKIP, iterations=0, reason="no /dev/kvm"),))]
    result = compared(trials("base", None), idle)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.notes == ("churn showed nothing on patched: SKIP: no /dev/kvm",)


def test_a_workload_that_both_sides_skip_is_told_and_leaves_the_others_alone() -> None:
    skipped = values.outcome("faults", status=Status.SKIP, iterations=0, l2_entries=0, reason="no fault injection")
    both = (values.outcome(), skipped)
    base, patched = (values.trial(side, outcomes=both) for side in ("base", "patched"))
    result = compared([base], [patched], planned=("churn", "faults"))
    assert result.verdict is Verdict.CLEAN
    assert [note.partition(":")[0] for note in result.notes] == [
        "faults showed nothing on base",
        "faults showed nothing on patched",
    ]


def test_what_a_profile_knows_is_passed_over_and_told() -> None:
    result = compared(trials("base", None), trials("patched", BUG, HANG), known=("KASAN: use-after-free * in foo",))
    assert [finding.title for finding in result.findings] == [HANG.title]
    assert result.notes == (f"passed over, as the profile knows it: {BUG.title} (1 times)",)


def test_a_console_that_is_not_whole_is_told() -> None:
    result = compared(trials("base", None), [values.trial("patched", dropped=7)])
    assert result.notes == ("console-patched-1.log lacks 7 messages that the kernel dropped",)
    assert result.verdict is Verdict.CLEAN


def left(side: SideName, what: str) -> list[Trial]:
    kept = values.outcome(left=(Left(what=what, before=0, after=3),))
    return [values.trial(side, outcomes=(kept,), index=number) for number in range(1, 4)]


def test_memory_left_behind_is_a_finding_of_its_own() -> None:
    (finding,) = compared(trials("base", None, None, None), left("patched", "kvm_vcpu")).findings
    assert (finding.title, finding.type, finding.status) == (
        "memory left behind: kvm_vcpu",
        "LEAK",
        FindingStatus.NEW,
    )
    assert "3 after churn, 0 before" in finding.example


@pytest.mark.parametrize(("bits", "flags"), [(1 << 9, "warned"), (1 << 7 | 1 << 9, "died, warned"), (1 << 12, "")])
def test_a_taint_that_no_report_explains_is_a_finding(bits: int, flags: str) -> None:
    tainted = values.trial("patched", outcomes=(values.outcome(tainted=bits),))
    found = [finding.title for finding in compared(trials("base", None), [tainted]).findings]
    assert found == ([f"kernel tainted without a report: {flags}"] if flags else [])


def test_a_taint_with_its_report_is_none() -> None:
    tainted = values.trial("patched", BUG, outcomes=(values.outcome(tainted=1 << 9),))
    assert [finding.title for finding in compared(trials("base", None), [tainted]).findings] == [BUG.title]


def test_each_failed_case_is_a_finding() -> None:
    cases = tuple(Case(name=name, status=status) for name, status in (("a", Status.FAIL), ("b", Status.PASS)))
    failed = values.trial("patched", outcomes=(values.outcome(status=Status.FAIL, cases=cases),))
    assert [finding.title for finding in compared(trials("base", None), [failed]).findings] == ["a failed in churn"]


@pytest.mark.parametrize(
    ("base", "count", "status"),
    [
        ([Status.PASS] * 3, Count(hits=0, trials=3), FindingStatus.NEW),
        ([Status.PASS, Status.SKIP, None], Count(hits=0, trials=1), FindingStatus.INCONCLUSIVE),
        ([Status.SKIP, None, None], Count(hits=0, trials=0), FindingStatus.INCONCLUSIVE),
        ([Status.FAIL, Status.ERROR, Status.SKIP], Count(hits=2, trials=2), FindingStatus.BOTH),
    ],
)
def test_a_trial_that_did_not_run_a_case_says_nothing_about_it(
    base: list[Status | None], count: Count, status: FindingStatus
) -> None:
    def trial(side: SideName, index: int, result: Status | None) -> Trial:
        other = Case(name="other", status=Status.PASS)
        cases = (other, Case(name="a", status=result)) if result else (other,)
        return values.trial(side, index=index, outcomes=(values.outcome(cases=cases),))

    patched = [trial("patched", number, Status.FAIL) for number in range(3)]
    result = compared([trial("base", number, each) for number, each in enumerate(base)], patched)
    (finding,) = (finding for finding in result.findings if finding.title == "a failed in churn")
    assert (finding.base, finding.status) == (count, status)


@pytest.mark.parametrize(
    ("pattern", "base", "patched", "status"),
    [
        ("churn/pf_*", [67, 67, 67], [70, 70, 70], FindingStatus.NEW),
        ("churn/pf_*", [67], [70], FindingStatus.INCONCLUSIVE),
        ("churn/pf_*", [70, 70, 70], [67, 67, 67], None),
        ("churn/pf_*", [67, 67, 70], [67, 70, 70], None),
        ("other/pf_*", [67, 67, 67], [70, 70, 70], None),
    ],
)
def test_a_guarded_counter_that_rises_is_a_finding(
    pattern: str, base: list[float], patched: list[float], status: FindingStatus | None
) -> None:
    kind = MetricKind.EXACT
    sides = (
        Side(kernel=values.kernel("base"), trials=tuple(measured("base", kind, *base))),
        Side(kernel=values.kernel("patched"), trials=tuple(measured("patched", kind, *patched))),
    )
    found = compare.compare(*sides, Rules(planned=("churn",), profile="s", guarded=(pattern,))).findings
    assert [(finding.title, finding.status) for finding in found] == (
        [("churn: pf_fixed went up", status)] if status else []
    )


def test_a_side_whose_detectors_were_spent_before_is_masked() -> None:
    spent = values.outcome("first", detectors_lost=("lockdep",))
    base = values.trial("base", ("first", HANG), outcomes=(spent, values.outcome()))
    result = compared([base], [values.trial("patched", BUG)])
    assert {finding.title: finding.status for finding in result.findings}[BUG.title] is FindingStatus.MASKED


def test_a_hang_without_a_report_is_a_finding() -> None:
    hung = values.trial("patched", end=End.HUNG, end_reason="silent", outcomes=(values.outcome(status=Status.ERROR),))
    result = compared(trials("base", None), [hung])
    assert [finding.title for finding in result.findings] == ["churn failed"]


def test_a_failure_that_a_report_explains_is_not_counted_again() -> None:
    failed = values.trial("patched", BUG, end=End.PANICKED, outcomes=(values.outcome(status=Status.FAIL),))
    assert [finding.title for finding in compared(trials("base", None), [failed]).findings] == [BUG.title]


def test_patched_not_booting_is_new() -> None:
    dead = [
        values.trial("patched", outcomes=(), end=End.NEVER_BOOTED, end_reason="silent", index=number)
        for number in (1, 2, 3)
    ]
    result = compared(trials("base", None, None, None), dead)
    assert [(each.title, each.status) for each in result.findings] == [("boot failure", FindingStatus.NEW)]
    assert result.verdict is Verdict.REGRESSION


def test_base_not_booting_makes_no_comparison() -> None:
    dead = values.trial("base", outcomes=(), end=End.NEVER_BOOTED, end_reason="silent")
    assert compared([dead], trials("patched", None)).verdict is Verdict.ERROR


def test_patched_not_compiling_is_new() -> None:
    failure = BuildFailure(name="p", profile="s", errors=("a.c:1: error: no",), log=Path("build.log"), seconds=1)
    sides = Side(kernel=values.kernel()), Side(kernel=failure)
    result = compare.compare(*sides, RULES)
    assert result.verdict is Verdict.REGRESSION
    assert result.findings[0].title == "build failure: a.c:1: error: no"


def test_warnings_are_compared_as_multisets_without_lines() -> None:
    def warned(*pairs: tuple[int, str]) -> Side:
        told = tuple(
            CompilerWarning(file="a.c", line=line, function="f", flag="-Wx", text=text) for line, text in pairs
        )
        return Side(kernel=values.kernel(warnings=told), trials=(values.trial(),))

    base, patched = warned((1, "old"), (2, "twice"), (9, "gone")), warned((5, "old"), (6, "twice"), (7, "twice"))
    found = compare.compare(base, patched, RULES).findings
    assert [(each.status, each.title.split(": ")[2].split(" ")[0]) for each in found] == [
        (FindingStatus.NEW, "twice"),
        (FindingStatus.FIXED, "gone"),
    ]


def measured(side: SideName, kind: MetricKind, *figures: float) -> list[Trial]:
    return [
        replace(each, outcomes=(values.outcome(metrics=(values.metric("pf_fixed", figure, kind),)),))
        for each, figure in zip(trials(side, *[None] * len(figures)), figures, strict=True)
    ]


def test_an_exact_metric_that_differs_in_every_trial_is_significant() -> None:
    kind = MetricKind.EXACT
    (change,) = compared(measured("base", kind, 2015, 2015), measured("patched", kind, 129, 129)).metrics
    assert change.significant
    assert change.change == pytest.approx(-0.936, abs=1e-3)


@pytest.mark.parametrize(
    ("kind", "base", "patched"),
    [(MetricKind.EXACT, (5, 5), (5, 5)), (MetricKind.EXACT, (5, 9), (7, 8)), (MetricKind.RATE, (5, 5), (50, 50))],
)
def test_other_metrics_are_not_significant(kind: MetricKind, base: list[float], patched: list[float]) -> None:
    (change,) = compared(measured("base", kind, *base), measured("patched", kind, *patched)).metrics
    assert not change.significant


def test_suspicions_are_the_one_sided_findings() -> None:
    result = compared(trials("base", None, HANG), trials("patched", BUG, HANG))
    assert [finding.title for finding in compare.suspicions(result.findings)] == [BUG.title]


def test_a_kernel_alone_lists_what_was_seen() -> None:
    side = Side(kernel=values.kernel(), trials=tuple(trials("base", BUG, None)))
    result = compare.alone(side, RULES)
    assert [(each.status, each.explanation) for each in result.findings] == [(FindingStatus.SEEN, "1 of 2 trials")]
