"""The formats a run can be had in, by name: what `rig show --format` and `rig compare --NAME FILE` share. No I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rig.model import Run
from rig.render import cover, document, junit, kcidb, ktap, mail, markdown, page


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What there is beside a run; each format takes what it has a use for."""

    consoles: Mapping[str, bytes] = field(default_factory=dict)  # by file name, as trials name them
    origin: str = "rig"  # whom KCIDB is to know the results are from
    reported_by: str = ""  # for the mail's trailers
    closes: str = ""
    tested_by: str = ""  # for the cover letter's


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write a run down."""

    what: str  # for --help
    render: Callable[[Run, Extras], str]
    consoles: bool = False  # whether it looks at them


FORMATS: dict[str, Format] = {
    "json": Format(what="JSON for scripts (docs/result.schema.json)", render=lambda run, _: document.to_json(run)),
    "junit": Format(what="JUnit XML for CI systems", render=lambda run, _: junit.to_xml(run)),
    "ktap": Format(what="KTAP, the kernel's test output", render=lambda run, _: ktap.to_ktap(run)),
    "kcidb": Format(what="a KCIDB 5.3 report", render=lambda run, extras: kcidb.to_json(run, extras.origin)),
    "mail": Format(
        what="a plain-text mail about regressions",
        render=lambda run, extras: mail.to_text(run, reported_by=extras.reported_by, closes=extras.closes),
    ),
    "cover": Format(
        what="a paragraph for a cover letter",
        render=lambda run, extras: cover.to_cover(run, extras.tested_by),
    ),
    "markdown": Format(what="a comment for a pull request", render=lambda run, _: markdown.to_markdown(run)),
    "html": Format(what="the report page", render=lambda run, extras: page.render(run, extras.consoles), consoles=True),
}
