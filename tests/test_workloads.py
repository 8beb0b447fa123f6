from pathlib import Path
from typing import Any

import pytest

from rig import paths, workloads
from rig.errors import InputError
from rig.model import Left, Metric, MetricKind, Outcome, Status, Workload
from rig.selftests import Suite

CHURN = Workload(name="churn", argv=("/workloads/churn",), seconds=10, limit=100)
PROGRESS = '@progress {"iterations":3,"l2_entries":40}'
METRIC = '{"metric":"pf_fixed","value":129,"unit":"faults","kind":"exact"}'


def read(*lines: str, status: int | None = 0) -> Outcome:
    reader = workloads.Reader(CHURN)
    for line in lines:
        reader.feed(line)
    return reader.outcome(status, 1.5)


def table(text: str) -> dict[str, workloads.Listed]:
    return workloads.load(text, "workloads.yaml")


def test_what_rig_run_finds_afterwards_is_read() -> None:
    outcome = read(
        '@progress {"iterations":3,"l2_entries":9}',
        '@left {"what":"kvm_vcpu","before":0,"after":2}',
        '@detectors {"debug_locks":0,"kasan":1,"kmemleak":0,"tainted":512}',
    )
    assert outcome.left == (Left(what="kvm_vcpu", before=0, after=2),)
    assert (outcome.detectors_lost, outcome.tainted) == (("lockdep", "kmemleak"), 512)


# ---- the table


def test_the_shipped_table_and_the_sources_fit() -> None:
    shipped = table((paths.project() / "configs" / "workloads.yaml").read_text())
    sources = {path.stem for path in (paths.project() / "images" / "workloads").glob("*.c")}
    assert {name for name, entry in shipped.items() if not isinstance(entry, Suite)} == sources
    for name, entry in shipped.items():
        if isinstance(entry, Suite):
            continue
        assert entry.program == f"/workloads/{name}"


def test_a_command_is_filled_in() -> None:
    entry = table("w: {program: /w, description: d, args: ['--time={seconds}', '-c', '{vcpus}', '{seed}']}")["w"]
    made = workloads.command(entry, seconds=7, vcpus=3, threads=5, seed=9, time_scale=1)
    assert (made.name, made.seconds, made.argv) == ("w", 7, ("/w", "--time=7", "-c", "3", "9"))


def test_the_limit_grows_with_the_scale_and_leaves_detectors_of_hangs_their_time() -> None:
    entry = table("w: {program: /w, description: d, overshoot: 4}")["w"]
    fast, slow = (
        workloads.command(entry, seconds=7, vcpus=1, threads=1, seed=1, time_scale=scale).limit for scale in (1, 8)
    )
    assert fast >= 7 + 4 + 100
    assert slow - fast == 7 * 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("w: [", "workloads.yaml: not YAML"),
        ("- w", "expected workloads by name"),
        ("w: /w", "workloads.yaml: w: expected a mapping"),
        ("w: {program: /w}", "workloads.yaml: w: description"),
        ("w: {program: /w, description: d, arg: []}", "arg: unknown key; did you mean args"),
        ("w: {program: w, description: d}", "program: "),
        ("w: {program: /w, description: d, args: ['{second}']}", "w: args: can't be filled in: 'second'"),
        ("w: {program: /w, description: d, args: ['{']}", "w: args: can't be filled in"),
    ],
)
def test_a_wrong_table_is_an_error_that_says_where(text: str, complaint: str) -> None:
    with pytest.raises(InputError) as raised:
        table(text)
    assert complaint in str(raised.value)


# ---- outcomes


def test_passing_needs_the_exit_status_and_progress() -> None:
    outcome = read(PROGRESS)
    assert (outcome.status, outcome.iterations, outcome.l2_entries) == (Status.PASS, 3, 40)
    assert (outcome.workload, outcome.seconds, outcome.exit_status) == ("churn", 1.5, 0)


@pytest.mark.parametrize("counts", ['{"iterations":3,"l2_entries":0}', '{"iterations":0,"l2_entries":3}'])
def test_without_progress_success_is_a_failure(counts: str) -> None:
    outcome = read(f"@progress {counts}")
    assert outcome.status is Status.FAIL
    assert "made no progress" in outcome.reason
    assert read().status is Status.FAIL


def test_the_last_progress_counts() -> None:
    assert read(PROGRESS, '@progress {"iterations":9,"l2_entries":50}').iterations == 9


def test_the_same_progress_again_is_none() -> None:
    reader = workloads.Reader(CHURN)
    more_l2 = '@progress {"iterations":3,"l2_entries":50}'
    lines = (PROGRESS, PROGRESS, more_l2, "words", '@progress {"iterations":4,"l2_entries":50}')
    assert [reader.feed(line) for line in lines] == [True, False, False, True, True]


def test_skipped_with_its_reason() -> None:
    outcome = read("@skip no /dev/kvm", status=4)
    assert (outcome.status, outcome.reason) == (Status.SKIP, "no /dev/kvm")


def test_a_failure_says_what_the_workload_said_last() -> None:
    outcome = read(PROGRESS, "churn: expected 1, got 2", METRIC, '@detectors {"debug_locks":1}', status=1)
    assert (outcome.status, outcome.reason) == (Status.FAIL, "exit status 1: churn: expected 1, got 2")


@pytest.mark.parametrize(("status", "name"), [(139, "SIGSEGV"), (137, "SIGKILL"), (255, "signal 127")])
def test_a_signal_is_named(status: int, name: str) -> None:
    outcome = read(PROGRESS, status=status)
    assert (outcome.status, outcome.reason) == (Status.FAIL, f"killed by {name}")


@pytest.mark.parametrize("status", [2, 126, 127])
def test_what_could_not_be_run_is_an_error_of_the_test(status: int) -> None:
    assert read("rig-run: cannot run churn", status=status).status is Status.ERROR


def test_one_that_never_ended_fails() -> None:
    assert read(PROGRESS, status=None).status is Status.FAIL


def test_a_reason_of_the_caller_comes_first() -> None:
    reader = workloads.Reader(CHURN)
    reader.feed(PROGRESS)
    outcome = reader.outcome(None, 2.0, "the guest panicked")
    assert (outcome.reason, outcome.iterations) == ("the guest panicked", 3)


# ---- what is read


def test_metrics_are_read() -> None:
    assert read(PROGRESS, METRIC + "\r\n").metrics == (
        Metric(name="pf_fixed", value=129, unit="faults", kind=MetricKind.EXACT),
    )


@pytest.mark.parametrize(
    "line",
    [
        '{"metric":"pf_fixed","value":129,"unit":"fau',
        '{"metric":"pf_fixed","value":NaN,"unit":"faults","kind":"exact"}',
        '{"metric":"pf_fixed","value":1,"unit":"faults","kind":"roughly"}',
        '@progress {"iterations":-1,"l2_entries":1}',
        "@progress 3 of 4",
        "@detectors 7",
    ],
)
def test_a_mark_that_cannot_be_read_spoils_a_pass_but_nothing_else(line: str) -> None:
    assert read(PROGRESS, METRIC, line).status is Status.ERROR
    assert line in read(PROGRESS, METRIC, line).reason
    assert read(PROGRESS, line, status=1).status is Status.FAIL
    assert read(PROGRESS, METRIC, line).iterations == 3


@pytest.mark.parametrize("line", ["{", '{"other":1}', "\x00\udc80@progress", "@later {}", "null"])
def test_other_lines_are_only_output(line: str) -> None:
    outcome = read(PROGRESS, line)
    assert outcome.status is Status.PASS
    assert line in outcome.output


def test_marks_are_not_output() -> None:
    assert read(PROGRESS, METRIC, "hello", '@detectors {"debug_locks":1,"tainted":0}').output == "hello"


def test_a_flood_keeps_only_its_end() -> None:
    outcome = read(PROGRESS, *(f"{number} {'x' * 10_000}" for number in range(1000)), "last")
    assert outcome.status is Status.PASS
    assert outcome.output.endswith("last")
    assert len(outcome.output) < 100_000


@pytest.mark.parametrize(
    ("answer", "lost"),
    [('{"debug_locks":1,"tainted":0}', ()), ('{"debug_locks":0,"tainted":128}', ("lockdep",)), ('{"tainted":0}', ())],
)
def test_lockdep_is_lost_when_it_says_so(answer: str, lost: tuple[str, ...]) -> None:
    assert read(PROGRESS, f"@detectors {answer}").detectors_lost == lost


# ---- a user's own


def own(**given: Any) -> Workload:
    entry = workloads.Own(**{"path": Path("/home/me/my test.sh"), **given})
    return workloads.command(entry, seconds=5, vcpus=1, threads=3, seed=7, time_scale=4)


OWN = own(args=("--for={seconds}", "{{}}", "{vcpus}{threads}{seed}"))


def test_a_program_of_the_users_is_copied_and_gets_its_arguments() -> None:
    assert (OWN.name, OWN.program) == ("my-test.sh", Path("/home/me/my test.sh"))
    assert OWN.argv == ("/tmp/my-test.sh", "--for=5", "{}", "137")
    assert OWN.limit > 5 * 4


def test_tests_have_the_time_they_need_whatever_the_seconds() -> None:
    assert own(tests=True).limit > 600 > OWN.limit


def test_it_finds_the_plans_values_in_its_environment() -> None:
    assert dict(OWN.environment) == {"RIG_SECONDS": "5", "RIG_VCPUS": "1", "RIG_THREADS": "3", "RIG_SEED": "7"}


@pytest.mark.parametrize(("status", "judged"), [(0, Status.PASS), (4, Status.SKIP), (1, Status.FAIL)])
def test_its_word_is_taken(status: int, judged: Status) -> None:
    outcome = workloads.Reader(OWN).outcome(status, 1.0)
    assert outcome.status is judged
    assert outcome.progressed == (judged is Status.PASS)
