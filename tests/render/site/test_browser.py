"""The site in a real browser, from disk and from `rig serve`. Screenshots are left in pytest's temporary directory."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from rig import serving
from rig.render import page
from rig.render.site.pages import pages
from rig.site import publish
from tests import values
from tests.render.chromium import SIZES, Browser
from tests.render.site import made_up
from tests.values import HOSTILE

PLACES = ("file", "http")
BOOK = made_up.book(24)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sites")
    report = root / "report.html"
    report.write_text(page.render(values.run(), {}))
    publish(root / "plain", pages(BOOK), dict.fromkeys(BOOK.reports, report))
    publish(root / "hostile", pages(made_up.hostile(HOSTILE)), {})
    return {name: root / name for name in ("plain", "hostile")}


@pytest.fixture(scope="module")
def roots(sites: dict[str, Path]) -> Iterator[dict[str, str]]:
    """Where the site is, from disk and from a server."""
    with serving.server(sites["plain"], 0) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield {"file": f"{sites['plain'].as_uri()}/", "http": serving.url(served)}
        served.shutdown()
        thread.join()


def one_of_each(root: Path) -> list[str]:
    """Return a page of each kind."""
    found = sorted(str(each.relative_to(root)) for each in root.rglob("*.html"))
    many = ("metrics/", "nights/", "regressions/", "runs/")
    first = [next(each for each in found if each.startswith(kind) and "index" not in each) for kind in many[:-1]]
    return [*(each for each in found if not each.startswith(many) or each.endswith("index.html")), *first]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_every_kind_of_page_is_quiet_and_fits(
    browser: Browser, sites: dict[str, Path], tmp_path: Path, name: str, size: str, scheme: str
) -> None:
    for path in one_of_each(sites[name]):
        browser.open(sites[name] / path, size, scheme)
        width = browser.script(
            "document.querySelectorAll('details').forEach((each) => { each.open = true });"
            "return document.documentElement.scrollWidth"
        )
        assert browser.driver.save_screenshot(str(tmp_path / f"{re.sub('[^a-z0-9]+', '-', str(path))}.png"))
        assert browser.logged("browser") == [], path
        assert browser.requests() == [], path
        assert width == SIZES[size][0], path


def test_hostile_text_becomes_no_element(browser: Browser, sites: dict[str, Path]) -> None:
    browser.open(sites["hostile"] / "index.html")
    browser.one(".find input").send_keys("alert", Keys.NULL)
    assert "<script>alert(1)" in browser.text("#hits li b")
    assert browser.script("return document.scripts.length") == 2  # ours, and the index
    assert browser.script("return document.querySelectorAll('#hits script, #hits img').length") == 0
    assert browser.logged("browser") == []


@pytest.mark.parametrize("place", PLACES)
def test_the_matrix_has_a_cell_for_each_workload_at_each_place(
    browser: Browser, roots: dict[str, str], place: str
) -> None:
    browser.visit(f"{roots[place]}index.html")
    cells = browser.script("return document.querySelectorAll('.heat td:not(.never) > [aria-label]').length")
    assert cells == len(made_up.PLACES) * len(made_up.WORKLOADS)
    signs = browser.script(
        "return [...new Set([...document.querySelectorAll('.heat td b')].map((b) => b.textContent))]"
    )
    assert set(signs) == {"P", "F", "K", "S", "–"}


@pytest.mark.parametrize("place", PLACES)
def test_a_cell_leads_to_the_report_of_its_run(browser: Browser, roots: dict[str, str], place: str) -> None:
    browser.visit(f"{roots[place]}index.html")
    browser.click(".heat td a")
    browser.wait(lambda: browser.driver.current_url.endswith("/report.html"))
    assert browser.text("h1") == "clean"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("place", PLACES)
def test_search_finds_a_title_and_leads_to_its_page(
    browser: Browser, roots: dict[str, str], place: str, size: str
) -> None:
    browser.visit(f"{roots[place]}metrics/index.html", size)
    browser.one(".find input").send_keys("ZAP_invalidated kasan")
    assert browser.text("#hits li b").startswith("KASAN: use-after-free Read in kvm_tdp_mmu_zap_invalidated")
    browser.one(".find input").send_keys(Keys.ENTER)
    browser.wait(lambda: browser.driver.current_url.endswith("/regressions/1.html"))
    assert "KASAN" in browser.text("h1")
    assert browser.logged("browser") == []


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (made_up.commit("mainline", 3)[:10], "commit"),
        (made_up.run_id(20, 2), "run"),
        ("pf_fixed root-churn leak", "metric"),
        ("kvm-next", "kernel"),
        ("2026-01-09", "night"),
    ],
)
def test_search_finds_other_things_too(browser: Browser, roots: dict[str, str], words: str, kind: str) -> None:
    browser.visit(f"{roots['file']}index.html")
    browser.one(".find input").send_keys(words)
    assert browser.text("#hits li .status") == kind
    path = browser.one("#hits a").get_attribute("href") or ""
    browser.driver.get(path)
    assert browser.text("h1")
    assert browser.logged("browser") == []


def test_search_says_when_there_is_nothing_and_is_left_by_escape(browser: Browser, roots: dict[str, str]) -> None:
    browser.visit(f"{roots['file']}index.html")
    browser.one(".find input").send_keys("no such thing")
    browser.wait(lambda: browser.text(".find output") == "nothing")
    browser.one(".find input").clear()
    browser.one(".find input").send_keys("mmu")
    browser.wait(lambda: not browser.script("return document.getElementById('hits').hidden"))
    browser.one(".find input").send_keys(Keys.ESCAPE)
    assert browser.script("return document.getElementById('hits').hidden")


def test_search_is_used_by_keyboard(browser: Browser, roots: dict[str, str]) -> None:
    browser.visit(f"{roots['file']}index.html")
    browser.one("body").send_keys("/")
    typed = browser.driver.switch_to.active_element
    typed.send_keys("mmu")
    browser.text("#hits li b")
    typed.send_keys(Keys.ARROW_DOWN)
    browser.driver.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    focused = browser.script("return [...document.querySelectorAll('#hits a')].indexOf(document.activeElement)")
    assert focused == 1


def test_a_link_to_a_folded_metric_unfolds_it(browser: Browser, roots: dict[str, str]) -> None:
    browser.visit(f"{roots['file']}metrics/mainline~sanitize~default~memslot-churn.html#pf_fixed")
    browser.wait(lambda: browser.script("return document.getElementById('pf_fixed').closest('details').open"))


def test_without_scripts_all_but_search_is_there(browser: Browser, roots: dict[str, str]) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(f"{roots['file']}index.html")
        assert not browser.one(".find").is_displayed()
        assert browser.one(".heat").is_displayed()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
