"""What may be said of a run in a cover letter."""

from dataclasses import replace

from rig.model import Build, Comparison, FindingStatus, Further, Run, Verdict
from rig.render import cover
from tests import values

ME = "Me <me@example.org>"
TWO = (values.checked("one"), values.checked("two"))


def told(run: Run, tested_by: str = "") -> str:
    return " ".join(cover.to_cover(run, tested_by).split())


def test_it_states_what_ran_where() -> None:
    said = told(values.presubmit(*TWO))
    assert said.startswith("Checked with rig: 2 commits on top of origin/master. Each builds and boots (gcc 12; no new")
    assert "under churn, in 1 boot a side, in guests that nest KVM: profile sanitize, 2 vCPUs, 1024 MiB" in said
    assert "emulated (TCG, SVM with nested paging)" in said


def test_other_profiles_that_were_tried_are_named() -> None:
    nothing = Comparison(verdict=Verdict.CLEAN, findings=(), metrics=())
    made = {"further": (Further(profile="preempt", comparison=nothing, trials=()),)}
    assert "So it was, in a boot a side, under preempt." in told(values.presubmit(*TWO, made=made))


def test_it_says_what_may_have_been_missed() -> None:
    assert "what shows in fewer than 95% of boots may have been missed" in told(values.presubmit(*TWO))
    many = tuple(values.trial("patched", index=index) for index in range(1, 11))
    assert "fewer than 26% of boots" in told(values.presubmit(*TWO, trials=many))


def test_boots_without_a_workload_prove_nothing_of_them() -> None:
    booted = (values.trial("base", outcomes=()), values.trial("patched", outcomes=()))
    said = told(values.presubmit(*TWO, trials=booted), ME)
    assert "boots may have been missed" not in said
    assert "(no Tested-by: nothing ran)" in said


def test_what_does_not_build_is_not_passed_over() -> None:
    said = told(values.presubmit(values.checked("one"), values.checked("two", build=Build.FAILED)))
    assert "1 of 2 build and boot" in said


def test_what_is_new_is_named_with_its_commit() -> None:
    found = Comparison(verdict=Verdict.REGRESSION, findings=(values.finding("KASAN in x", commit="two"),), metrics=())
    said = told(values.presubmit(*TWO, comparison=found), ME)
    assert "It introduces: KASAN in x (two)." in said
    assert "Nothing was reported" not in said


def test_a_trailer_is_given_on_request_alone_and_only_if_clean() -> None:
    clean = values.presubmit(*TWO)
    assert "Tested-by" not in cover.to_cover(clean)
    assert cover.to_cover(clean, ME).endswith(f"\n\nTested-by: {ME}\n")
    for verdict in (Verdict.INCONCLUSIVE, Verdict.REGRESSION, Verdict.ERROR):
        other = replace(clean, comparison=Comparison(verdict=verdict, findings=(), metrics=()))
        assert f"(no Tested-by: {verdict})" in cover.to_cover(other, ME)
        assert "\nTested-by:" not in cover.to_cover(other, ME)


def test_a_doubt_is_said_with_what_would_settle_it() -> None:
    doubt = values.finding("A", FindingStatus.INCONCLUSIVE, advice="more trials")
    found = Comparison(verdict=Verdict.INCONCLUSIVE, findings=(doubt,), metrics=())
    assert "That is inconclusive: A: more trials." in told(values.presubmit(*TWO, comparison=found))


def test_nothing_to_boot_is_said() -> None:
    said = told(values.presubmit(TWO[0], made={"nothing": "only comments changed"}, trials=()), ME)
    assert "It builds (gcc 12; no new warnings with W=1 in the files touched)." in said
    assert "There was nothing to boot: only comments changed." in said


def test_it_is_ascii_in_lines_of_a_letter() -> None:
    text = cover.to_cover(values.presubmit(values.checked("one"), made={"nothing": values.HOSTILE}, trials=()))
    assert text.isascii()
    assert "\x1b" not in text
    assert all(len(line) <= 72 or " " not in line for line in text.splitlines())


def test_a_comparison_has_a_paragraph_too() -> None:
    assert told(values.run()).startswith("Checked with rig: patched against base. The result was compared")
