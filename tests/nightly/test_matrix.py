"""What a night could run."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rig import yamlfile
from rig.errors import InputError
from rig.memory.values import Where
from rig.nightly import matrix
from rig.nightly.matrix import NightlyFile

PLAN: dict[str, Any] = {
    "kernels": {"mainline": {"git": "linux", "rev": "master", "base": "v6.1", "weight": 2}},
    "profiles": {"sanitize": 3, "race": 1},
    "workloads": {"churn": 1, "teardown": 2},
}
NOW = datetime(2026, 1, 5, 22, 30, tzinfo=UTC)


def file(**given: Any) -> NightlyFile:
    return yamlfile.check(NightlyFile, {**PLAN, **given}, "nightly.yaml")


def test_every_kernel_profile_and_shape_is_a_place_with_its_weights() -> None:
    shapes = {"default": {"weight": 5}, "shadow": {"nested_paging": False}}
    found = {place.where: place for place in matrix.places(file(shapes=shapes))}
    assert len(found) == 4
    place = found[Where(kernel="mainline", profile="sanitize", shape="default")]
    assert (place.weight, place.workloads) == (2 * 3 * 5, (("teardown", 2.0), ("churn", 1.0)))


def test_shapes_set_the_guests_kernel() -> None:
    shapes = {"odd": {"vcpus": 1, "tdp_mmu": False, "nested_paging": False, "huge_pages": "always", "cmdline": ["a=b"]}}
    (place, _) = matrix.places(file(shapes=shapes))
    words = ("kvm.tdp_mmu=0", "kvm_amd.npt=0", "kvm_intel.ept=0", "transparent_hugepage=always", "a=b")
    assert (place.shape.vcpus, place.shape.cmdline) == (1, words)


@pytest.mark.parametrize(("written", "word"), [(True, "always"), (False, "never"), ("madvise", "madvise")])
def test_huge_pages_are_named_as_the_kernel_does(written: object, word: str) -> None:
    (place, _) = matrix.places(file(shapes={"huge": {"huge_pages": written}}))
    assert place.shape.cmdline == (f"transparent_hugepage={word}",)


def test_what_is_excluded_does_not_run() -> None:
    found = matrix.places(file(exclude=[{"profile": "race", "workload": "churn"}, {"profile": "san*"}]))
    assert [(place.where.profile, [name for name, _ in place.workloads]) for place in found] == [("race", ["teardown"])]


def test_a_kernel_may_be_for_some_profiles_alone() -> None:
    kernels = {"next": {"kernel": "patched", "base": "base", "profiles": ["race"]}}
    assert [place.where.profile for place in matrix.places(file(kernels=kernels))] == ["race"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kernels": {"a": {"base": "b"}}}, "kernels.a: .*either `kernel` or `git`"),
        ({"kernels": {"a": {"git": "x", "base": "b"}}}, "`git` and `rev` go together"),
        ({"kernels": {"a": {"kernel": "x", "fetch": "o", "base": "b"}}}, "`fetch` names a remote"),
        (
            {"kernels": {"a": {"git": "x", "rev": "m", "base": "last good"}}},
            "`base: last good` and `release` go together",
        ),
        ({"deadline": "soon"}, "deadline: .*no length of time"),
        ({"quota": "much"}, "quota: .*no size"),
        ({"profiles": {"sanitize": 0}}, "profiles.sanitize"),
        ({"exlude": []}, "exlude: unknown key; did you mean exclude"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        file(**wrong)


def test_a_night_ends_at_the_next_such_time_or_after_so_long() -> None:
    assert matrix.until("06:00", NOW) == datetime(2026, 1, 6, 6, 0, tzinfo=UTC)
    assert matrix.until("23:15", NOW) == datetime(2026, 1, 5, 23, 15, tzinfo=UTC)
    assert matrix.until("1h30m", NOW) == datetime(2026, 1, 6, 0, 0, tzinfo=UTC)


def test_what_never_ran_has_waited_for_all_nights() -> None:
    (place, _) = matrix.places(file())
    last = {(place.where, "churn"): "n2"}
    waited = [matrix.staleness(place, name, last, ("n3", "n2", "n1")) for name in ("churn", "teardown")]
    assert waited == [1, 3]
