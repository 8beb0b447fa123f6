from pathlib import Path
from typing import Any

import pytest

from rig import paths, selftests, workloads
from rig.errors import InputError
from rig.model import Case, Selftests, Status, Workload
from rig.selftests import Selftest, Suite

SUITE = Suite(
    name="kvm",
    description="d",
    tests=(
        Selftest(name="first", args="-v 2", takes=5),
        Selftest(name="long", takes=50),
        Selftest(name="again", program="first", takes=4, guest=False),
        Selftest(name="absent", takes=1),
    ),
)


def ready(seconds: int = 100, **given: Any) -> Workload:
    built = Selftests(**{"directory": Path("/built"), "names": ("unlisted", "long", "first"), **given})
    return selftests.command(SUITE, built, seconds=seconds, hang_speaks_after=100)


def run(workload: Workload) -> list[str]:
    """The tests that are to be run."""
    return [word.split()[2] for word in workload.argv[3:]]


def skipped(workload: Workload) -> dict[str, str]:
    return {case.name: case.reason for case in workload.cases if case.status is Status.SKIP}


def test_tests_are_run_in_the_tables_order_and_unlisted_ones_last() -> None:
    workload = ready()
    assert run(workload) == ["first", "long", "again", "unlisted"]
    assert workload.argv[:3] == ("/bin/ktap-run", "330", "/selftests")
    assert workload.argv[3] == "115 guest first first -v 2"
    assert workload.argv[5] == "112 host again first"
    assert workload.cases == ()


def test_programs_go_along_once() -> None:
    assert ready().files == (
        ("/selftests/first", Path("/built/first")),
        ("/selftests/long", Path("/built/long")),
        ("/selftests/unlisted", Path("/built/unlisted")),
    )


def test_what_there_is_no_time_for_is_skipped_with_that_reason() -> None:
    workload = ready(9)
    assert run(workload) == ["first", "again"]
    assert skipped(workload) == dict.fromkeys(("long", "unlisted"), "no time left of the 9 s")
    assert [path for path, _ in workload.files] == ["/selftests/first"]


def test_what_is_no_use_here_is_skipped_with_the_tables_reason() -> None:
    built = Selftests(directory=Path("/built"), names=("first", "huge"))
    suite = SUITE.model_copy(update={"left_out": {"huge": "needs 1 TiB", "gone": "x"}})
    workload = selftests.command(suite, built, seconds=100, hang_speaks_after=100)
    assert run(workload) == ["first", "again"]
    assert skipped(workload) == {"huge": "needs 1 TiB"}


@pytest.mark.parametrize(("emulated", "runs"), [(True, ["huge"]), (False, ["huge", "first"])])
def test_what_only_an_emulated_cpu_fails_is_run_on_a_real_one(emulated: bool, runs: list[str]) -> None:
    row = "k: {description: d, tests: [{name: huge, takes: 1}, {name: first, takes: 1}], fail_emulated: {first: x}}"
    suite = workloads.load(row, "w.yaml")["k"]
    built = Selftests(directory=Path("/built"), names=("first", "huge"))
    scale = 8.0 if emulated else 1.0
    workload = workloads.command(suite, seconds=9, vcpus=1, threads=1, seed=1, time_scale=scale, built=built)
    assert run(workload) == runs


def test_the_first_test_is_run_however_short_the_time_is() -> None:
    assert run(ready(1)) == ["first"]


def test_the_limit_is_enough_for_the_longest_test_to_hang() -> None:
    workload = ready()
    assert workload.limit > float(workload.argv[1]) + max(float(word.split()[0]) for word in workload.argv[3:])


def test_what_does_not_compile_is_an_error_and_the_rest_runs() -> None:
    workload = ready(broken=(("bad", "does not compile: x"),), scripts=("wrapper.sh",))
    assert workload.cases[-1] == Case(name="bad", status=Status.ERROR, reason="does not compile: x")
    assert skipped(workload) == {"wrapper.sh": "a script for bash and sudo"}
    assert "first" in run(workload)


def test_without_a_tree_the_workload_is_skipped() -> None:
    workload = selftests.command(SUITE, None, seconds=5, hang_speaks_after=100)
    assert (workload.name, workload.files) == ("kvm", ())
    assert "bzImage" in workload.skip


def test_a_suite_that_does_not_build_at_all_says_why() -> None:
    workload = ready(names=(), broken=(("first", "does not compile: lib.c:1: error: x"),))
    assert workload.skip == "does not compile: lib.c:1: error: x"
    assert [case.status for case in workload.cases] == [Status.ERROR]


# ---- as a workload


def test_the_shipped_table_runs_nested_guests_within_the_shortest_time() -> None:
    text = (paths.project() / "configs" / "workloads.yaml").read_text()
    suite = workloads.load(text, "workloads.yaml")["kselftest-kvm"]
    assert isinstance(suite, Suite)
    names = [test.name for test in suite.tests]
    assert len(names) == len(set(names))
    assert suite.tests[0].guest


def outcome(*lines: str, status: int, workload: Workload | None = None) -> tuple[Status, dict[str, Status]]:
    reader = workloads.Reader(workload or ready())
    for line in lines:
        reader.feed(line)
    ended = reader.outcome(status, 1.0)
    return ended.status, {case.name: case.status for case in ended.cases}


PROGRESS = '@progress {"iterations":2,"l2_entries":1}'


def test_its_ktap_becomes_cases_beside_those_known_before() -> None:
    lines = ("KTAP version 1", "1..2", "ok 1 first", "ok 2 again # SKIP x", PROGRESS)
    status, cases = outcome(*lines, status=0, workload=ready(9))
    assert status is Status.PASS
    skip = Status.SKIP
    assert cases == {"first": Status.PASS, "again": skip, "long": skip, "unlisted": skip}


def test_a_runner_that_says_nothing_of_a_test_is_not_trusted() -> None:
    assert outcome("KTAP version 1", "1..2", "ok 1 first", PROGRESS, status=0)[0] is Status.ERROR


def test_skipped_workloads_keep_their_reason() -> None:
    workload = selftests.command(SUITE, None, seconds=5, hang_speaks_after=100)
    ended = workloads.Reader(workload).outcome(workloads.SKIPPED, 0.0)
    assert (ended.status, ended.reason) == (Status.SKIP, workload.skip)


@pytest.mark.parametrize("wrong", ["{name: a b, takes: 1}", "{name: a, takes: 0}", "{name: a}", "{takes: 1}"])
def test_a_wrong_row_is_an_error_that_says_where(wrong: str) -> None:
    with pytest.raises(InputError, match=r"w\.yaml: k: tests\.0\."):
        workloads.load(f"k: {{description: d, tests: [{wrong}]}}", "w.yaml")
