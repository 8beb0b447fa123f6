"""The page as text; what a browser makes of it is in test_browser."""

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rig.model import BuildFailure, Run
from rig.render import page
from tests.render import made_up


class Read(HTMLParser):
    """What a browser would see: tags with their attributes, ids, links, text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._silent = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._silent = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._silent else data

    def all(self, name: str) -> Iterator[str]:
        return (attributes[name] or "" for _, attributes in self.tags if name in attributes)


@pytest.fixture(scope="module")
def rich() -> str:
    return made_up.html(*made_up.rich())


@pytest.fixture(scope="module")
def hostile() -> str:
    return made_up.html(*made_up.hostile())


def after_each_other(text: str, *parts: str) -> bool:
    places = [text.index(part) for part in parts]
    return places == sorted(places)


def test_the_verdict_comes_first_then_the_sections_in_order(rich: str) -> None:
    said = (
        "patched against base introduced KASAN: use-after-free Read in kvm_tdp_mmu_zap_invalidated_roots (and 2 more)"
    )
    headings = (
        "Findings",
        "Trials",
        "Patch coverage",
        "Patch",
        "Metrics",
        "Compiler warnings",
        "Time",
        "Environment",
        "Do it again",
    )
    main = Read(rich[rich.index("<header") :]).text
    assert after_each_other(main, "regression", said, "error-paths showed nothing on base")
    assert after_each_other(rich, *(f"<h2>{heading}</h2>" for heading in (*headings, "Consoles")))


def test_every_link_leads_somewhere(rich: str) -> None:
    read = Read(rich)
    ids = list(read.all("id"))
    assert len(ids) == len(set(ids))
    links = {link for link in read.all("href") if link != "data:,"}
    assert len(links) > 30
    for link in links:
        target, _, line = link.removeprefix("#").partition(":")
        assert target in ids
        assert not line or 0 < int(line) <= 294


def test_nothing_is_fetched_and_one_script_runs(rich: str) -> None:
    read = Read(rich)
    assert not [tag for tag, attributes in read.tags if "src" in attributes or tag in ("iframe", "object", "base")]
    assert [attributes.get("type") for tag, attributes in read.tags if tag == "script"] == ["application/json", None]
    assert "url(" not in rich
    assert "@import" not in rich


def test_hostile_text_stays_text(hostile: str, rich: str) -> None:
    read, plain = Read(hostile), Read(rich)
    assert {tag for tag, _ in read.tags} <= {tag for tag, _ in plain.tags}
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]
    assert read.text.count('</script><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}"') > 30
    assert sum(tag == "script" for tag, _ in read.tags) == 2


def test_control_characters_are_spelled_out(hostile: str) -> None:
    assert "\x1b" not in hostile
    assert "&#8238;" not in hostile  # what makes text run from right to left
    assert "\\x1b[31m\\x202e" in hostile


def test_the_page_is_ascii_in_whatever_encoding_it_is_written(hostile: str, rich: str) -> None:
    assert hostile.isascii()
    assert rich.isascii()


def older(run: Run) -> Run:
    """The run as an earlier version kept it."""
    trials = tuple(replace(trial, began=0.0) for trial in run.trials)
    return replace(run, patch="", coverage=None, settings=None, stages=(), trials=trials)


def test_a_run_of_before_goes_without_patch_settings_and_time_line() -> None:
    run, raw = made_up.rich()
    html = made_up.html(older(run), raw)
    missing = ("<h2>Patch</h2>", "<h2>Patch coverage</h2>", "<h2>Time</h2>", "<h3>Settings</h3>")
    assert not [heading for heading in missing if heading in html]
    assert "<h2>Metrics</h2>" in html


def test_a_run_whose_consoles_are_gone_says_so() -> None:
    html = page.render(made_up.rich()[0], {})
    assert "console-patched-3.log is not in the run directory" in html
    assert 'href="#t1:' not in html


def test_a_patch_that_does_not_compile() -> None:
    run, _ = made_up.rich()
    failure = BuildFailure(name="patched", profile="s", errors=("a.c:1: error: x",), log=Path("l"), seconds=1)
    finding = replace(run.comparison.findings[0], title="build failure: x", type="BUILD", example="a.c:1: error: x")
    html = page.render(
        replace(run, patched=failure, trials=(), comparison=replace(run.comparison, findings=(finding,), metrics=())),
        {},
    )
    assert "patched does not compile, base does" in html
    assert "a.c:1: error: x" in html
    assert "<h2>Trials</h2>" not in html


def test_one_kernel_alone_has_no_other_side() -> None:
    run, raw = made_up.rich()
    metric = made_up.metric("m", (1.0, 2.0), (), 0.0)
    comparison = replace(run.comparison, metrics=(metric,), findings=run.comparison.findings[-1:])
    html = made_up.html(replace(run, patched=None, trials=run.trials[:1], patch="", comparison=comparison), raw)
    assert "boot 1" in html
    assert "base 1" not in html
    assert "patched 1" not in html
    assert "<h2>Compiler warnings</h2>" not in html


def test_two_trials_that_name_the_same_console_are_kept_apart() -> None:
    run, raw = made_up.rich()
    again = replace(run.trials[3], console=run.trials[0].console)
    assert "</html>" in made_up.html(replace(run, trials=(*run.trials, again)), raw)
