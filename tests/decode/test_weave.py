from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.decode.sites import Site, mentions, sites
from rig.decode.weave import weave
from rig.model import Frame, Location, Report, Trace
from rig.reports.parse import parse

GOLDEN = sorted((Path(__file__).parents[1] / "reports/golden").glob("*.log"))


def locations(site: Site, patched: bool = True) -> tuple[Location, ...]:
    """An inlined function, and the site's own."""
    name = site.function.partition(".")[0]  # what the compiler made of it is not in the source
    inlined = Location(function=f"in_{name}", file="include/linux/x.h", line=site.offset + 1)
    return inlined, Location(function=site.function, file="fs/x.c", line=site.size, patched=patched)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_decoded_text_has_the_same_title(path: Path) -> None:
    for report in parse(path.read_bytes()):
        woven = weave(report, {site: locations(site) for site in sites(report)})
        assert woven.title == report.title
        assert [first_title(woven)] == [first_title(report)]


def first_title(report: Report) -> str:
    own = "\n".join(report.text.split("\n")[report.lead :])
    return parse(own.encode())[0].title


def test_there_is_something_to_decode_in_golden_logs() -> None:
    reports = [report for path in GOLDEN for report in parse(path.read_bytes())]
    woven = [weave(report, {site: locations(site) for site in sites(report)}) for report in reports]
    assert sum(report.place is not None and report.place.file == "fs/x.c" for report in woven) >= 5


@pytest.mark.parametrize(
    ("line", "site"),
    [
        (" f+0x1f/0x2e", Site("f", 0x1F, 0x2E)),
        (" ? f.isra.0+0x1f/0x2e [kvm]", Site("f.isra.0", 0x1F, 0x2E, "kvm")),
        (" [<ffffffff81000000>] f+0x1f/0x2e [kvm 0123abcd]", Site("f", 0x1F, 0x2E, "kvm")),
        ("RIP: 0010:f+0x1f/0x2e", Site("f", 0x1F, 0x2E, exact=True)),
        ("pc : f+0x1f/0x2e", Site("f", 0x1F, 0x2E, exact=True)),
        ("PC is at f+0x1f/0x2e", Site("f", 0x1F, 0x2E, exact=True)),
        ("NIP [c000000000001000] f+0x1f/0x2e", Site("f", 0x1F, 0x2E, exact=True)),
        ("lr : f+0x1f/0x2e", Site("f", 0x1F, 0x2E)),
        (" #0: ffff (&x){+.+.}-{3:3}, at: f+0x1f/0x2e", Site("f", 0x1F, 0x2E)),
    ],
)
def test_sites(line: str, site: Site) -> None:
    assert [one.site for one in mentions(line)] == [site]


@pytest.mark.parametrize(
    "line",
    [
        " f+0x1f",
        " f+0x1f/0x2ebar",
        " f+0x123456789/0x2e",
        " f+0x1f/0x2e (fs/x.c:7)",
        " f+0x1f/0x2e fs/x.c:7",
        "RIP: 0033:0x44085b",
        "WARNING: CPU: 0 PID: 1 at fs/x.c:7 f+0x1f/0x2e",
    ],
)
def test_no_sites(line: str) -> None:
    assert list(mentions(line)) == []


def woven(*lines: str) -> list[str]:
    report = Report(title="t", text="\n".join(("BUG: t", *lines)))
    return weave(report, {site: locations(site, patched=False) for site in sites(report)}).text.split("\n")[1:]


def test_lines_of_arm_name_two() -> None:
    line = "[<c0010000>] (f+0x1/0x2) from [<c0020000>] (g+0x3/0x4)"
    assert woven(line) == ["[<c0010000>] (f+0x1/0x2 (fs/x.c:2)) from [<c0020000>] (g+0x3/0x4 (fs/x.c:4))"]


def test_inlined_functions_are_indented_like_their_frame() -> None:
    assert woven("       f+0x1/0x2") == ["       in_f (include/linux/x.h:2) [inline]", "       f+0x1/0x2 (fs/x.c:2)"]


def test_the_first_line_stays() -> None:
    report = Report(title="t", text="BUG: KASAN: use-after-free in f+0x1/0x2\n f+0x1/0x2")
    assert weave(report, {site: locations(site) for site in sites(report)}).text.startswith(
        "BUG: KASAN: use-after-free in f+0x1/0x2\n"
    )


def test_what_was_executed_and_what_is_returned_to_may_differ() -> None:
    exact, call = Site("f", 1, 2, exact=True), Site("f", 1, 2)
    frames = (Frame(function="f", offset=1, size=2),)
    report = Report(title="t", text="t\nRIP: 0010:f+0x1/0x2\n f+0x1/0x2", traces=(Trace(what="RIP", frames=frames),))
    here, before = Location(function="f", file="a.c", line=9), Location(function="f", file="a.c", line=8)
    done = weave(report, {exact: (here,), call: (before,)})
    assert done.text == "t\nRIP: 0010:f+0x1/0x2 (a.c:9)\n f+0x1/0x2 (a.c:8)"
    only = replace(report, text="t\nRIP: 0010:f+0x1/0x2")
    assert weave(only, {exact: (here,)}).traces[0].frames[0].at == (here,)


def test_an_unknown_line_is_no_number() -> None:
    report = Report(title="t", text="t\n f+0x1/0x2")
    assert weave(report, {Site("f", 1, 2): (Location(function="f", file="fs/x.c", line=0),)}).text.endswith(
        "(fs/x.c:?)"
    )


@given(st.text() | st.text(alphabet="f+0x1/2[]. \n:?RIP"))
def test_anything_is_survived(text: str) -> None:
    report = Report(title="t", text=text, lead=1)
    weave(report, {site: locations(site) for site in sites(report)})


@given(st.text(alphabet=st.characters(exclude_characters="\n")))
def test_a_line_around_a_site_is_kept(rest: str) -> None:
    line = f"RIP: 0010:f+0x1/0x2 {rest}"
    report = Report(title="t", text=f"t\n{line}")
    done = weave(report, {Site("f", 1, 2, exact=True): (Location(function="f", file="a.c", line=1),)})
    assert done.text.split("\n")[1].replace(" (a.c:1)", "", 1) == line
