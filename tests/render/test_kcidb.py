import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import kcidb_io
import pytest

from rig.model import BuildFailure, Case, Count, FindingStatus, Run, Source, Status, Verdict
from rig.render import kcidb
from tests import values

SEEN = values.trial("patched", values.report("WARNING in foo"))
REGRESSION = values.run(values.finding(), verdict=Verdict.REGRESSION, trials=(values.trial("base"), SEEN))


def report(run: Run, origin: str = "rig") -> dict[str, Any]:
    made = kcidb.report(run, origin)
    kcidb_io.schema.V5_3.validate_exactly(made)
    return made


def test_the_schema_is_the_newest_there_is() -> None:
    assert (kcidb_io.schema.LATEST.major, kcidb_io.schema.LATEST.minor) == tuple(kcidb.VERSION.values())


def test_every_id_has_the_origin_and_every_reference_is_there() -> None:
    made = report(REGRESSION, "ours")
    ids = {kind: [each["id"] for each in made[kind]] for kind in made if kind != "version"}
    assert all(name.startswith("ours:") for names in ids.values() for name in names)
    assert all(len(names) == len(set(names)) for names in ids.values())
    assert {each["checkout_id"] for each in made["builds"]} == set(ids["checkouts"])
    assert {each["build_id"] for each in made["tests"]} == set(ids["builds"])
    assert {each["test_id"] for each in made["incidents"]} <= set(ids["tests"])
    assert {each["issue_id"] for each in made["incidents"]} == set(ids["issues"])


def test_an_incident_is_where_it_was_seen() -> None:
    other = values.trial("base", ("other", values.report("WARNING in bar")))
    (incident,) = report(replace(REGRESSION, trials=(other, SEEN)))["incidents"]
    assert incident["test_id"] == "rig:20260101-000000-abcd:patched:1:churn"


def test_the_same_issue_has_the_same_id_in_another_run() -> None:
    other = replace(REGRESSION, id="20260102-000000-ffff")
    assert report(REGRESSION)["issues"][0]["id"] == report(other)["issues"][0]["id"]


def test_what_came_with_a_report_has_failed_whatever_it_says_itself() -> None:
    tests = {test["id"].partition("abcd:")[2]: test["status"] for test in report(REGRESSION)["tests"]}
    assert tests == {"base:1:boot": "PASS", "base:1:churn": "PASS", "patched:1:boot": "PASS", "patched:1:churn": "FAIL"}


def test_what_only_base_shows_is_an_incident_there() -> None:
    none, all_three = Count(hits=0, trials=3), Count(hits=3, trials=3)
    fixed = values.finding("compiler warning: a.c", FindingStatus.FIXED, base=all_three, patched=none, workload="build")
    (incident,) = report(values.run(fixed))["incidents"]
    assert incident["build_id"] == "rig:20260101-000000-abcd:base"


@pytest.mark.parametrize("status", Status)
def test_statuses_are_those_of_kcidb(status: Status) -> None:
    outcome = values.outcome(status=status, cases=(Case(name="a::b[1]", status=status, seconds=2.0),))
    made = report(values.run(trials=(values.trial("patched", outcomes=(outcome,)),)))["tests"]
    assert {test["path"]: test["status"] for test in made} == {
        "boot": "PASS",
        "rig.churn": status.value,
        "rig.churn.a_b_1": status.value,
    }


def test_a_git_revision_has_its_commit_and_patches() -> None:
    source = Source(kind="git", location="https://git.example/linux.git", rev="v6.1")
    digests = ("1" * 64, "2" * 64)
    kernel = values.kernel("patched", tree="t", source=source, commit="c" * 40, patches=digests)
    checkout = report(values.run(patched=kernel))["checkouts"][1]
    assert (checkout["git_commit_hash"], checkout["git_repository_url"]) == ("c" * 40, "https://git.example/linux.git")
    assert checkout["patchset_hash"] == hashlib.sha256(f"{digests[0]}\n{digests[1]}\n".encode()).hexdigest()


def test_a_source_without_patches_has_the_empty_patchset() -> None:
    source = Source(kind="git", location="/home/me/linux", rev="v6.1")
    kernel = values.kernel("base", tree="t", source=source, commit="c" * 40)
    checkout = report(values.run(base=kernel))["checkouts"][0]
    assert checkout["patchset_hash"] == ""
    assert "git_repository_url" not in checkout


def test_a_ready_kernel_says_nothing_of_its_source() -> None:
    checkout = report(values.run(base=values.kernel("bzImage")))["checkouts"][0]
    assert {"git_commit_hash", "patchset_hash"}.isdisjoint(checkout)


def test_a_kernel_that_does_not_compile_is_a_failed_build_with_an_incident() -> None:
    failure = BuildFailure(name="patched", profile="s", errors=("a.c:1: error",), log=Path("l"), seconds=1)
    made = report(values.run(values.finding(workload="build"), patched=failure, trials=()))
    build = made["builds"][1]
    assert (build["status"], build["log_excerpt"]) == ("FAIL", "a.c:1: error")
    assert [each["build_id"] for each in made["incidents"]] == [build["id"]]


def test_times_are_of_the_trial() -> None:
    run = values.run(trials=(values.trial("base", began=61.0),))
    assert {test["start_time"] for test in report(run)["tests"]} == {"2026-01-01T00:01:01+00:00"}


def test_hostile_and_endless_text_fits_the_schema() -> None:
    report(values.hostile())
    outcome = values.outcome(output=values.HOSTILE * 1000)
    report(values.run(trials=(values.trial(outcomes=(outcome,)),)))
