"""Known issues: what fits, until when, and what a file with a mistake says."""

from datetime import date

import pytest
import yaml

from rig import paths
from rig.errors import InputError
from rig.memory.values import Regression
from rig.nightly.known import KnownIssue, expired, expiring, fitting, load

TODAY = date(2026, 11, 23)
FILE = """
issues:
  - title: "possible deadlock in console_*"
    kernels: [stable-*]
    profiles: [sanitize, leak]
    reason: printk under a raw lock
    link: https://example.org/1
    expires: 2026-11-23
"""


def regression(title: str = "possible deadlock in console_unlock", **given: object) -> Regression:
    plain = {
        "number": 1,
        "kernel": "stable-6.1",
        "title": title,
        "type": "LOCKDEP",
        "standing": "confirmed",
        "open": True,
        "profiles": ("sanitize",),
        "shapes": ("default",),
        "workloads": ("boot",),
        "opened": "2026-11-20",
        "first_seen": "2026-11-20",
        "last_seen": "2026-11-20",
    }
    return Regression(**{**plain, **given})  # type: ignore[arg-type]


def issue(**given: object) -> KnownIssue:
    return KnownIssue.model_validate(
        {"title": "*", "reason": "r", "link": "https://example.org", "expires": TODAY, **given}
    )


def test_an_entry_fits_by_title_kernel_and_profile() -> None:
    (known,) = load(FILE, "f")
    assert fitting(regression(), (known,), TODAY) == known
    assert fitting(regression("KASAN: use-after-free in console_unlock"), (known,), TODAY) is None
    assert fitting(regression(kernel="mainline"), (known,), TODAY) is None


def test_it_fits_by_an_alternative_title_too() -> None:
    found = regression("WARNING in x", alt_titles=("possible deadlock in console_lock",))
    assert fitting(found, load(FILE, "f"), TODAY)


def test_what_is_seen_under_a_further_profile_is_not_known() -> None:
    assert fitting(regression(profiles=("sanitize", "leak")), load(FILE, "f"), TODAY)
    assert fitting(regression(profiles=("sanitize", "perf")), load(FILE, "f"), TODAY) is None


def test_an_entry_without_patterns_is_about_all() -> None:
    assert fitting(regression(kernel="any", profiles=("some", "others")), (issue(),), TODAY)


def test_an_entry_holds_through_its_last_day() -> None:
    tomorrow = date(2026, 11, 24)
    known = load(FILE, "f")
    assert (expired(known, TODAY), expired(known, tomorrow)) == ((), known)
    assert fitting(regression(), known, tomorrow) is None


def test_what_expires_within_a_week_is_told() -> None:
    near, far, over = (issue(expires=date(2026, *day)) for day in ((11, 30), (12, 1), (11, 22)))
    assert expiring((near, far, over), TODAY) == (near,)


def test_the_first_entry_that_holds_is_it() -> None:
    over, holds = issue(reason="old", expires=date(2026, 1, 1)), issue(reason="new")
    assert fitting(regression(), (over, holds), TODAY) == holds


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("    reason: ''\n", "issues.0.reason"),
        ("    expires: soon\n", "issues.0.expires"),
        ("    profile: perf\n", "issues.0.profile"),
    ],
)
def test_a_mistake_is_told_with_file_and_field(wrong: str, said: str) -> None:
    field = wrong.split(":")[0] + ":"
    kept = "\n".join(line for line in FILE.splitlines() if not line.startswith(field))
    with pytest.raises(InputError, match=f"my.yaml: {said}"):
        load(f"{kept}\n{wrong}", "my.yaml")


@pytest.mark.parametrize("field", ["reason", "link", "expires", "title"])
def test_what_an_entry_must_say_is_asked_for(field: str) -> None:
    entry = {"title": "t", "reason": "r", "link": "l", "expires": "2027-01-31"}
    text = yaml.safe_dump({"issues": [{key: value for key, value in entry.items() if key != field}]})
    with pytest.raises(InputError, match=rf"f: issues.0.{field}: Field required"):
        load(text, "f")


def test_the_shipped_file_is_read() -> None:
    path = paths.project() / "configs/known-issues.yaml"
    assert load(path.read_text(), str(path)) == ()


def test_the_example_in_the_shipped_file_is_an_entry() -> None:
    lines = (paths.project() / "configs/known-issues.yaml").read_text().splitlines()
    example = [line.removeprefix("#") for line in lines[lines.index("# For example:") + 1 :] if line.startswith("#   ")]
    (known,) = load("\n".join(("issues:", *example)), "f")
    assert fitting(regression(), (known,), TODAY)
