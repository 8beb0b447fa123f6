import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import update

from rig import site
from rig.errors import HostError, InputError
from rig.memory.database import Database, opened
from rig.memory.tables import RunRow
from rig.nightly import known
from rig.nightly.known import KnownIssue
from rig.render.site.book import Known
from rig.render.site.pages import Page
from rig.site import KEPT, build, gather, publish
from tests.filling import fill
from tests.render.site import made_up


def page(path: str = "index.html", text: str = "one") -> Page:
    return Page(path=path, digest=f"of {text}", text=lambda: text)


def files(directory: Path) -> set[str]:
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(".rig-site")
    }


def test_pages_are_written_with_their_directories(tmp_path: Path) -> None:
    built = publish(tmp_path / "site", (page(), page("nights/1.html", "night")), {})
    assert files(tmp_path / "site") == {"index.html", "nights/1.html"} == set(built.written)
    assert (tmp_path / "site/nights/1.html").read_text() == "night"


def test_a_page_of_the_same_digest_is_not_even_made(tmp_path: Path) -> None:
    publish(tmp_path, (page(), page("a.html")), {})
    never = Page(path="index.html", digest="of one", text=lambda: pytest.fail("made again"))
    built = publish(tmp_path, (never, page("a.html", "two")), {})
    assert (built.written, built.unchanged) == (("a.html",), 1)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_text("")], ids=["removed", "emptied"])
def test_a_page_that_was_harmed_is_written_again(tmp_path: Path, harm: object) -> None:
    publish(tmp_path, (page(),), {})
    assert callable(harm)
    harm(tmp_path / "index.html")
    assert publish(tmp_path, (page(),), {}).written == ("index.html",)


def test_pages_of_what_is_gone_go_with_their_directories(tmp_path: Path) -> None:
    publish(tmp_path, (page(), page("metrics/a.html"), page("nights/1.html")), {})
    assert publish(tmp_path, (page(), page("nights/1.html")), {}).removed == ("metrics/a.html",)
    assert files(tmp_path) == {"index.html", "nights/1.html"}
    assert not (tmp_path / "metrics").exists()


def test_what_others_put_beside_the_pages_stays(tmp_path: Path) -> None:
    publish(tmp_path, (page(), page("nights/1.html")), {})
    (tmp_path / "nights/notes.txt").write_text("mine")
    publish(tmp_path, (page(),), {})
    assert files(tmp_path) == {"index.html", "nights/notes.txt"}


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("my home page")
    with pytest.raises(InputError, match="files of others"):
        publish(tmp_path, (page(),), {})
    assert (tmp_path / "index.html").read_text() == "my home page"


def test_what_an_interruption_left_is_known_to_be_the_sites(tmp_path: Path) -> None:
    def broken() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, (page("old.html"), Page(path="index.html", digest="d", text=broken)), {})
    built = publish(tmp_path, (page(),), {})
    assert files(tmp_path) == {"index.html"}
    assert built.removed == ("old.html",)


def test_half_a_page_that_a_killed_rig_left_is_removed(tmp_path: Path) -> None:
    publish(tmp_path, (page(), page("nights/1.html")), {})
    (tmp_path / "nights" / f"{site.DRAFT}1234").write_text("half")
    publish(tmp_path, (page(), page("nights/1.html")), {})
    assert [path.name for path in (tmp_path / "nights").iterdir()] == ["1.html"]


def test_a_list_of_files_that_lies_removes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    listed = {path: ["d", 4] for path in ("../mine.txt", str(tmp_path / "mine.txt"))}
    (tmp_path / "site" / KEPT).write_text(json.dumps({"files": listed}))
    publish(tmp_path / "site", (page(),), {})
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"files": 1}', '{"files": {"a": 1}}'])
def test_a_list_of_files_that_cannot_be_read_is_no_list(tmp_path: Path, text: str) -> None:
    (tmp_path / KEPT).write_text(text)
    assert publish(tmp_path, (page(),), {}).written == ("index.html",)


def test_a_place_that_cannot_be_written_is_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError) as error:
        publish(tmp_path / "file/site", (page(),), {})
    assert "rig site DIRECTORY" in error.value.hint


def test_report_pages_take_no_room_of_their_own_and_go_when_their_runs_do(tmp_path: Path) -> None:
    report = tmp_path / "run/report.html"
    report.parent.mkdir()
    report.write_text("report")
    made = tmp_path / "site"
    publish(made, (page(),), {"r1": report})
    assert (made / "runs/r1/report.html").samefile(report)
    assert publish(made, (page(),), {"r1": report}).written == ()
    publish(made, (page(),), {})
    assert report.read_text() == "report"
    assert files(made) == {"index.html"}


def test_a_report_page_that_was_made_anew_is_taken_anew(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("old")
    publish(tmp_path / "site", (page(),), {"r1": report})
    report.unlink()
    report.write_text("newer")
    publish(tmp_path / "site", (page(),), {"r1": report})
    assert (tmp_path / "site/runs/r1/report.html").read_text() == "newer"


def test_a_report_page_that_is_removed_meanwhile_is_left_out(tmp_path: Path) -> None:
    publish(tmp_path / "site", (page(),), {"r1": tmp_path / "gone.html"})
    assert files(tmp_path / "site") == {"index.html"}


# ---- from a memory


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    directory = tmp_path_factory.mktemp("memory")
    with opened(str(directory / "memory.sqlite")) as made:
        with made.session() as session:
            fill(session, 4, 12, 1)
            session.execute(update(RunRow).values(directory=str(directory / "runs") + "/" + RunRow.id))
        yield made


def run_directory(memory: Database, name: str) -> Path:
    directory = Path(memory.name).parent / "runs" / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def test_a_memory_becomes_pages_once(memory: Database, tmp_path: Path) -> None:
    first = build(memory, tmp_path)
    assert {"index.html", "search.js", "regressions/1.html"} <= set(first.written)
    second = build(memory, tmp_path)
    assert (second.written, second.unchanged, second.removed) == ((), len(first.written), ())


def test_only_the_last_nights_have_pages(memory: Database, tmp_path: Path) -> None:
    build(memory, tmp_path)
    before = len(list((tmp_path / "nights").iterdir()))
    build(memory, tmp_path, last=2)
    assert len(list((tmp_path / "nights").iterdir())) == before - 2


def test_reports_of_the_runs_that_are_still_there_are_part_of_it(memory: Database, tmp_path: Path) -> None:
    with memory.reading() as session:
        job = gather(session).chapters[0].jobs[0]
    (run_directory(memory, job.run) / "report.html").write_text("report")
    assert build(memory, tmp_path).reports == 1
    assert f'href="runs/{job.run}/report.html"' in (tmp_path / "index.html").read_text()
    assert build(memory, tmp_path, reports=False).removed == (f"runs/{job.run}/report.html",)
    assert "report.html" not in (tmp_path / "index.html").read_text()


def test_a_report_that_is_a_link_to_elsewhere_is_left_out(memory: Database, tmp_path: Path) -> None:
    with memory.reading() as session:
        job = gather(session).chapters[0].jobs[1]
    (tmp_path / "secret").write_text("secret")
    (run_directory(memory, job.run) / "report.html").symlink_to(tmp_path / "secret")
    build(memory, tmp_path / "site")
    assert not (tmp_path / "site/runs" / job.run).exists()


def test_what_a_site_is_made_of_is_in_the_order_that_its_pages_need(memory: Database) -> None:
    with memory.reading() as session:
        book = gather(session)
    began = [chapter.night.began for chapter in book.chapters]
    assert began == sorted(began, reverse=True)
    assert book.trends
    assert book.records
    assert book.duties
    assert replace(book, reports=frozenset()) == book
    assert site.NIGHTS >= 30


# ---- known issues


def issue(title: str = "KASAN: *", expires: str = "2026-03-01") -> KnownIssue:
    text = f"issues:\n- title: '{title}'\n  reason: waits\n  link: https://example.org/\n  expires: {expires}\n"
    return known.load(text, "known.yaml")[0]


def test_a_regression_is_marked_with_what_is_known_of_it() -> None:
    regressions = (made_up.regression(1), made_up.regression(2, "WARNING in foo"))
    marks = site.marks(regressions, (issue(),), date(2026, 3, 1))
    assert marks == {1: Known(reason="waits", link="https://example.org/", expires="2026-03-01")}


def test_a_mark_that_holds_no_more_speaks_up_unless_another_holds() -> None:
    bug, today = made_up.regression(1), date(2026, 3, 2)
    assert site.marks((bug,), (issue(),), today)[1].expired
    assert not site.marks((bug,), (issue(), issue(expires="2026-04-01")), today)[1].expired
