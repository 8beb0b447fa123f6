from pathlib import Path

import pytest

from rig.errors import InputError
from rig.kernel import known_bad
from rig.model import KnownBad

MAIL = """\
From 0000 Mon Sep 17 00:00:00 2001
From: Somebody <somebody@example.org>
Subject: [PATCH 1/2] KVM: x86/mmu: Forget the root of a vCPU that is put to
 sleep

Known bad. It says why.

{trailers}

diff --git a/x.c b/x.c
--- a/x.c
+++ b/x.c
"""
TRAILERS = """\
Expected: KASAN: use-after-free Read in foo
Expected: WARNING in ...
Workload: memslot-churn, root-churn
Profile: sanitize
Sure: yes"""


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    return tmp_path / "m99-forgets.patch"


def read(patch: Path, trailers: str = TRAILERS) -> KnownBad:
    patch.write_text(MAIL.format(trailers=trailers))
    return known_bad.read(patch)


def test_the_header_is_read(patch: Path) -> None:
    assert read(patch) == KnownBad(
        name="m99-forgets",
        subject="KVM: x86/mmu: Forget the root of a vCPU that is put to sleep",
        expected=("KASAN: use-after-free Read in foo", "WARNING in ..."),
        workloads=("memslot-churn", "root-churn"),
        profile="sanitize",
        sure="yes",
    )


def test_what_shows_without_a_workload(patch: Path) -> None:
    assert read(patch, TRAILERS.replace("memslot-churn, root-churn", "none")).workloads == ()


@pytest.mark.parametrize(
    ("titles", "shown"),
    [
        (("KASAN: use-after-free Read in foo",), True),
        (("other", "WARNING in bar"), True),
        (("KASAN: use-after-free Read in food",), False),
        ((), False),
    ],
)
def test_any_of_the_expected_titles_shows_it(patch: Path, titles: tuple[str, ...], shown: bool) -> None:
    assert read(patch).shown_by(frozenset(titles)) is shown


@pytest.mark.parametrize(
    ("trailers", "wrong"),
    [
        (TRAILERS.replace("Sure: yes", "Sure: very"), "Sure"),
        (TRAILERS.replace("Expected", "Wanted"), "Expected"),
        (TRAILERS.replace("Profile: sanitize\n", ""), "Profile"),
    ],
)
def test_a_wrong_header_says_what_is_wrong(patch: Path, trailers: str, wrong: str) -> None:
    with pytest.raises(InputError, match=rf"m99-forgets.patch: the trailers of its header: {wrong}"):
        read(patch, trailers)
