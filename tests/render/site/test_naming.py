import pytest

from rig.memory.values import Where
from rig.render.site import naming

HOSTILE = ("../../etc/passwd", "a/b", "..", "a?b#c", "x" * 300, "\u202e", '"><script>', "a b")


def where(kernel: str = "mainline") -> Where:
    return Where(kernel=kernel, profile="sanitize", shape="default")


def test_a_plain_name_is_its_page() -> None:
    assert naming.metrics(where(), "churn") == "metrics/mainline~sanitize~default~churn.html"
    assert naming.night("2026-02-03-2") == "nights/2026-02-03-2.html"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leaves_the_directory_or_ends_a_link(name: str) -> None:
    path = naming.metrics(where(name), name)
    assert path.startswith("metrics/")
    assert path.count("/") == 1
    assert not set(path) & set("?#%\"'<> ")
    assert len(path) < 200
    assert path.isascii()


def test_names_that_are_alike_have_pages_of_their_own() -> None:
    names = ("a b", "a/b", "a-b", "a?b", "a~b", *HOSTILE)
    assert len({naming.metrics(where(name), "churn") for name in names}) == len(set(names))
    assert naming.metrics(where("a~b"), "c") != naming.metrics(where("a"), "b~c")


def test_nights_of_one_day_are_in_their_order() -> None:
    ids = ["2026-02-03-10", "2026-02-04", "2026-02-03", "2026-02-03-2"]
    assert sorted(ids, key=naming.key) == ["2026-02-03", "2026-02-03-2", "2026-02-03-10", "2026-02-04"]


def test_nights_are_called_by_their_dates() -> None:
    assert naming.day("2026-02-03") == "3 February 2026"
    assert naming.short("2026-02-03-2") == "3 Feb (2)"
    assert naming.day("2026-02-31") == "2026-02-31"
    assert naming.day("by hand") == "by hand"


def test_only_hashes_are_shortened() -> None:
    assert naming.commit("a" * 40) == "a" * 12
    assert naming.commit("v6.1-rc1-long-enough-not-to-be-a-short-one") == "v6.1-rc1-long-enough-not-to-be-a-short-one"


def test_a_range_of_commits_is_told_as_far_as_it_is_known() -> None:
    assert naming.between("a" * 40, "b" * 40) == f"{'a' * 12}..{'b' * 12}"
    assert naming.between("", "b" * 40) == f"{'b' * 12} or before"
    assert naming.between("a" * 40, "") == ""
