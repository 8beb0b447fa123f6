"""Known issues: findings that somebody has looked at, with why, where that is said, and until when. No I/O."""

from collections.abc import Iterable
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from rig import yamlfile
from rig.memory.values import Regression

SOON = timedelta(days=7)  # before it expires, an issue is mentioned

Text = Annotated[str, Field(min_length=1)]


class KnownIssue(yamlfile.Strict):
    """An entry of the file. It marks a finding, and hides none."""

    title: Text  # a pattern, as in a shell, for any of the finding's titles
    kernels: tuple[Text, ...] = ()  # patterns; () for any
    profiles: tuple[Text, ...] = ()
    reason: Text
    link: Text  # where it is said: a mail, a bug's page, a commit
    expires: date  # the last day it holds


class _File(yamlfile.Strict):
    issues: tuple[KnownIssue, ...] = ()


def load(text: str, name: str) -> tuple[KnownIssue, ...]:
    """Return the entries of a known-issues file, YAML, that came from `name`; raises InputError with file and field."""
    return yamlfile.parse(_File, text, name).issues


def fitting(regression: Regression, issues: Iterable[KnownIssue], today: date) -> KnownIssue | None:
    """Return the first entry that holds today and is about this regression.

    One that names profiles must name all of them under which it was seen, as elsewhere it is news.
    """
    return next((issue for issue in issues if today <= issue.expires and _about(issue, regression)), None)


def expired(issues: Iterable[KnownIssue], today: date) -> tuple[KnownIssue, ...]:
    """Return the entries that hold no more, and are to be looked at again or taken out."""
    return tuple(issue for issue in issues if issue.expires < today)


def expiring(issues: Iterable[KnownIssue], today: date) -> tuple[KnownIssue, ...]:
    """Return the entries that hold, but not for much longer."""
    return tuple(issue for issue in issues if today <= issue.expires <= today + SOON)


def _about(issue: KnownIssue, regression: Regression) -> bool:
    return (
        any(fnmatchcase(title, issue.title) for title in regression.titles)
        and _fits(regression.kernel, issue.kernels)
        and all(_fits(profile, issue.profiles) for profile in regression.profiles)
    )


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
