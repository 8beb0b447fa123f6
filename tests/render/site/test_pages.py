"""The site as text; what a browser makes of it is in test_browser."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote, urldefrag, urljoin

import pytest

from rig.render.site import naming
from rig.render.site.book import Book
from rig.render.site.pages import Page, pages
from tests.render.site import made_up
from tests.render.test_page import Read
from tests.values import HOSTILE

WORDS = made_up.book(6)
TAGS = "a b br button code dd details div dl dt em figcaption figure form h1 h2 h3 header i input li main nav ol output"
MORE = "p path pre section small span summary svg table tbody td th thead title tr ul html head meta link script body"


def texts(book: Book) -> dict[str, str]:
    return {page.path: page.text() for page in pages(book)}


@pytest.fixture(scope="module")
def site() -> dict[str, str]:
    return texts(WORDS)


@pytest.fixture(scope="module")
def hostile() -> dict[str, str]:
    return texts(made_up.hostile(HOSTILE))


def read(site: dict[str, str]) -> Iterator[tuple[str, Read]]:
    return ((path, Read(text)) for path, text in site.items() if path.endswith(".html"))


def targets(site: dict[str, str], reports: frozenset[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield each link with its page, and whether it leads somewhere."""
    ids = {path: frozenset(page.all("id")) for path, page in read(site)}
    there = {*site, *map(naming.report, reports)}
    for path, page in read(site):
        for href in page.all("href"):
            where, anchor = urldefrag(urljoin(f"/{path}", href))
            if href.startswith(("https://", "data:")):
                continue
            found = unquote(where.removeprefix("/"))
            yield path, href, found in there and (not anchor or anchor in ids.get(found, ()))


@pytest.mark.parametrize("name", ["plain", "hostile"])
def test_every_link_leads_somewhere(name: str, site: dict[str, str], hostile: dict[str, str]) -> None:
    which = {"plain": site, "hostile": hostile}[name]
    links = list(targets(which, WORDS.reports if name == "plain" else frozenset()))
    assert len(links) > 200
    assert [(path, href) for path, href, leads in links if not leads] == []


def test_what_search_finds_is_there(site: dict[str, str]) -> None:
    entries = json.loads(site["search.js"].removeprefix("window.rigSearch = ").rstrip(";\n"))
    assert {kind for kind, *_ in entries} == {"regression", "kernel", "commit", "night", "run", "workload", "metric"}
    ids = {path: frozenset(page.all("id")) for path, page in read(site)}
    for _, _, _, href in entries:
        path, anchor = urldefrag(href)
        assert path in site or path in map(naming.report, WORDS.reports)
        assert not anchor or anchor in ids[path]


def test_ids_occur_once(site: dict[str, str]) -> None:
    for path, page in read(site):
        ids = list(page.all("id"))
        assert len(ids) == len(set(ids)), path


def test_a_page_has_one_heading_of_its_own_and_tables_have_headers(site: dict[str, str]) -> None:
    for path, page in read(site):
        tags = [tag for tag, _ in page.tags]
        assert tags.count("h1") == 1, path
        assert all("scope" in attributes for tag, attributes in page.tags if tag == "th"), path
        assert all(attributes.get("aria-label") for tag, attributes in page.tags if tag == "svg"), path


def test_hostile_text_stays_text(hostile: dict[str, str]) -> None:
    known = {*TAGS.split(), *MORE.split()}
    for path, page in read(hostile):
        assert {tag for tag, _ in page.tags} <= known, path
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")], path
        assert [attributes.get("src") for tag, attributes in page.tags if tag == "script"] == [
            "../" * path.count("/") + "site.js"
        ]
        assert not [link for link in page.all("href") if link.startswith("javascript:")]
    assert sum(text.count("&lt;script&gt;alert(1)") for text in hostile.values()) > 100


def test_no_page_is_named_by_hostile_text(hostile: dict[str, str]) -> None:
    assert all(re.fullmatch(r"[A-Za-z0-9._~+/-]+", path) and ".." not in path for path in hostile)


def test_hostile_text_is_data_in_the_search_index(hostile: dict[str, str]) -> None:
    script = hostile["search.js"]
    assert script.isascii()
    assert "\x1b" not in script
    assert json.loads(script.removeprefix("window.rigSearch = ").rstrip(";\n"))


def test_a_known_issue_links_to_nothing_but_the_web() -> None:
    bad = replace(WORDS.known[4], link="javascript:alert(1)")
    made = texts(replace(WORDS, known={4: bad}))
    assert "javascript:" not in made["regressions/4.html"]


def test_pages_are_ascii_without_control_characters(hostile: dict[str, str]) -> None:
    for path, text in hostile.items():
        assert text.isascii(), path
        assert not set(text) & {"\x00", "\x08", "\x1b"}, path
    assert "&#8238;" not in "".join(hostile.values())  # what makes text run from right to left


def test_nothing_is_fetched_from_elsewhere(site: dict[str, str]) -> None:
    for path, page in read(site):
        sources = [*page.all("src"), *(a["href"] for t, a in page.tags if t == "link" and a["rel"] == "stylesheet")]
        assert all(not source or not source.startswith(("http", "//")) for source in sources), path
    assert "url(" not in site["site.css"]
    assert "@import" not in site["site.css"]


def by_path(book: Book) -> dict[str, Page]:
    return {page.path: page for page in pages(book)}


def test_a_new_night_changes_no_page_of_an_old_one() -> None:
    before, after = by_path(replace(WORDS, chapters=WORDS.chapters[1:])), by_path(WORDS)
    old = [naming.night(night) for night in WORDS.nights[:-2]]
    assert [path for path in old if before[path].digest != after[path].digest] == []
    newest = (naming.INDEX, naming.NIGHTS, naming.night(WORDS.nights[-2]))
    assert [path for path in newest if before[path].digest == after[path].digest] == []


def test_the_same_book_makes_the_same_pages() -> None:
    first, second = by_path(WORDS), by_path(made_up.book(6))
    assert {path: page.digest for path, page in first.items()} == {path: page.digest for path, page in second.items()}


def test_a_page_whose_text_differs_has_another_digest() -> None:
    other = replace(WORDS, known={}, reports=frozenset(), healths=())
    before, after = by_path(WORDS), by_path(other)
    same = [path for path in before if before[path].digest == after[path].digest]
    assert 0 < len(same) < len(before)
    assert [path for path in same if before[path].text() != after[path].text()] == []


def test_the_first_page_says_what_opened_and_what_was_left_out(site: dict[str, str]) -> None:
    said = Read(site["index.html"]).text
    for part in (
        "1 came back, 1 suspected",
        "Opened",
        "WARNING in kvm_mmu_uninit_tdp_mmu",
        "left out",
        "no time was left",
    ):
        assert part in said


def test_a_memory_without_nights_has_pages_too() -> None:
    made = texts(Book())
    assert "No night yet" in made["index.html"]
    assert [link for _, link, leads in targets(made, frozenset()) if not leads] == []


def test_a_night_before_the_listed_ones_is_named_without_a_link() -> None:
    made = texts(replace(WORDS, chapters=WORDS.chapters[:2]))
    assert "5 January 2026" in made["regressions/4.html"]
    assert [link for _, link, leads in targets(made, WORDS.reports) if not leads] == []
