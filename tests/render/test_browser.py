"""The report page in a real browser. Screenshots are left in pytest's temporary directory (`--basetemp=DIR`)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.render import made_up
from tests.render.chromium import SIZES, Browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("pages")
    made = {name: directory / f"{name}.html" for name in ("rich", "hostile", "long")}
    made["rich"].write_text(made_up.html(*made_up.rich()))
    made["hostile"].write_text(made_up.html(*made_up.hostile()))
    made["long"].write_text(made_up.html(*long()))
    return made


def long() -> Any:
    """A run with a console of which only parts are embedded."""
    run, raw = made_up.rich()
    flood = b"".join(b"flood %07d\n" % number for number in range(300_000))
    first = run.trials[0]
    return replace(run, trials=(first,)), {first.console: raw[first.console] + flood}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["rich", "hostile"])
def test_the_page_is_quiet_fetches_nothing_and_fits(
    browser: Browser, pages: dict[str, Path], tmp_path: Path, name: str, size: str, scheme: str
) -> None:
    browser.open(pages[name], size, scheme)
    width = browser.script(
        "document.querySelectorAll('details').forEach((each) => { each.open = true });"
        "return document.documentElement.scrollWidth"
    )
    browser.text("#t6 .log .chunk")
    picture = tmp_path / f"{name}-{size}-{scheme}.png"
    assert browser.driver.save_screenshot(str(picture))
    assert picture.stat().st_size > 10_000
    assert browser.logged("browser") == []
    assert browser.requests() == []
    assert width == SIZES[size][0]


def test_the_scheme_is_the_readers(browser: Browser, pages: dict[str, Path]) -> None:
    colours = []
    for scheme in ("light", "dark"):
        browser.open(pages["rich"], scheme=scheme)
        colours.append(browser.script("return getComputedStyle(document.body).backgroundColor"))
    assert len(set(colours)) == 2


def test_hostile_text_becomes_no_element(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["hostile"])
    browser.search("onerror", Keys.ENTER)
    assert browser.text(".log .now") == made_up.HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\x202e")
    assert browser.script("return document.images.length") == 0
    assert browser.script("return document.querySelectorAll('[onerror], [onmouseover]').length") == 0
    assert "{{ 7*7 }}" in browser.text(".finding .title")
    assert browser.logged("browser") == []


def in_view(browser: Browser) -> bool:
    """Whether the line that was gone to can be seen."""
    return bool(
        browser.script(
            "const row = document.querySelector('.log .now')?.getBoundingClientRect();"
            "const log = document.querySelector('.log .now')?.closest('.log').getBoundingClientRect();"
            "return row && row.top >= Math.max(log.top, 0) && row.bottom <= Math.min(log.bottom, innerHeight)"
        )
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_cell_leads_to_the_report_in_its_console(browser: Browser, pages: dict[str, Path], size: str) -> None:
    browser.open(pages["rich"], size)
    browser.click('.grid a[aria-label^="patched 2, memslot-churn"]')
    assert "BUG: KASAN: use-after-free in kvm_tdp_mmu_zap_invalidated_roots" in browser.text("#t5 .log .now")
    browser.wait(lambda: in_view(browser))


def test_a_cell_without_a_report_leads_to_the_workloads_beginning(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["rich"])
    browser.click('.grid a[aria-label^="base 2, root-churn"]')
    assert browser.text("#t2 .log .now").endswith("rig: begin root-churn")
    assert browser.one("#t2 .log .now").get_attribute("data-n") == "250"


def test_a_link_from_elsewhere_opens_at_its_line(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["rich"])
    browser.driver.get(f"{pages['rich'].as_uri()}#t4:263")
    assert "kvm_mmu_zap_all_fast+0x40c/0x5c0" in browser.text("#t4 .log .now")


def test_a_mark_in_the_patch_unfolds_its_finding(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["rich"])
    assert not browser.script("return document.getElementById('f4').open")
    browser.click('.diff .mark a[href="#f4"]')
    browser.wait(lambda: browser.script("return document.getElementById('f4').open"))


def test_search_goes_through_all_consoles_and_round(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["rich"])
    browser.search("the NEEDLE of", Keys.ENTER)
    found = []
    for number in range(1, 8):
        browser.wait(lambda number=number: browser.text("#search output") == f"{(number - 1) % 6 + 1} of 6")
        said = f"the needle of {('base', 'patched')[(number - 1) % 6 // 3]} {(number - 1) % 3 + 1}"
        browser.wait(lambda said=said: browser.text(".log .now") == said)
        found.append(said)
        browser.one("#search input").send_keys(Keys.ENTER)
    assert len(set(found)) == 6
    browser.wait(lambda: browser.text("#search output") == "2 of 6")
    browser.one("#search input").send_keys(Keys.SHIFT, Keys.ENTER)
    browser.wait(lambda: browser.text("#search output") == "1 of 6")


def test_search_says_when_there_is_nothing(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["rich"])
    browser.search("no such thing")
    browser.wait(lambda: browser.text("#search output") == "none")


def test_what_is_left_out_of_a_long_console_is_said_where_it_is_missing(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["long"])
    browser.driver.get(f"{pages['long'].as_uri()}#t1:300264")
    assert browser.text("#t1 .log .now") == "flood 0299999"
    browser.wait(lambda: in_view(browser))
    gap = browser.text("#t1 .log .gap")
    shown = browser.script("return document.querySelectorAll('#t1 .log .chunk > div').length")
    assert gap == f"{300_264 - shown} lines left out; see console-base-1.log"
    assert browser.logged("browser") == []


def test_a_link_to_a_line_that_is_left_out_leads_to_the_gap(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["long"])
    browser.driver.get(f"{pages['long'].as_uri()}#t1:150000")
    browser.text("#t1 .log .now")
    after = "return document.querySelector('.now').parentElement.nextElementSibling.className"
    assert browser.script(after) == "gap"


def test_paper_gets_the_findings_and_no_consoles(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["rich"])
    printed = browser.driver.execute_cdp_cmd("Page.printToPDF", {})
    assert len(printed["data"]) > 20_000
    browser.media("dark", "print")
    shown = "return getComputedStyle(document.querySelector(arguments[0])).display"
    assert browser.script(shown, "#consoles") == browser.script(shown, "nav") == "none"
    assert browser.script("return [...document.querySelectorAll('.finding')].every((each) => each.open)")
    assert browser.script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
