"""What the rig hears of tests, from pytest run in this process."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rig import workloads
from rig.model import Outcome, Status, Workload
from rig.testing import plugin

pytest_plugins = ("pytester",)

WORKLOAD = Workload(name="test_mine.py", argv=(), seconds=1, limit=9, program=Path("test_mine.py"), tests=True)
QUIET = ("-q", "-o", "asyncio_default_fixture_loop_scope=function")  # pytest-asyncio warns of its own default
Judged = Callable[..., Outcome]


@pytest.fixture
def judged(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Judged]:
    """Run a file of tests and return what a reader of the lines thinks of it."""
    told = tmp_path / "told"
    out = os.open(told, os.O_CREAT | os.O_WRONLY)
    monkeypatch.setattr(plugin, "OUT", out)

    def judge(text: str, *args: str) -> Outcome:
        path = pytester.makepyfile(test_mine=text)
        done = pytester.runpytest_inprocess("-p", "rig.testing.plugin", *QUIET, *args, path)
        reader = workloads.Reader(WORKLOAD)
        for line in (*told.read_text().splitlines(), *done.outlines):
            reader.feed(line)
        return reader.outcome(int(done.ret), 1.0)

    yield judge
    os.close(out)


ALL_KINDS = """
import pytest

def test_passes(): pass
def test_fails(): assert 1 == 2, "one\\ntwo"
def test_raises(): {}["key"]
def test_skips(): pytest.skip("not here")
@pytest.mark.xfail(reason="known")
def test_known_to_fail(): assert 0
@pytest.mark.xfail
def test_better_than_thought(): pass
@pytest.mark.xfail(strict=True)
def test_mended(): pass
@pytest.mark.parametrize("number", [1, 2])
def test_numbers(number): assert number == 1
def test_unknown(no_such_fixture): pass
@pytest.fixture
def broken(): raise RuntimeError("no such thing")
def test_set_up(broken): pass
@pytest.fixture
def leaky():
    yield
    raise RuntimeError("left behind")
def test_tear_down(leaky): pass
def test_both(leaky): assert 0
class TestClass:
    def test_method(self): pass
"""


def test_each_test_is_a_case_with_its_reason(judged: Judged) -> None:
    found = judged(ALL_KINDS)
    assert {case.name: (case.status.value, case.reason) for case in found.cases} == {
        "test_passes": ("PASS", ""),
        "test_fails": ("FAIL", "AssertionError: one (test_mine.py:4)"),
        "test_raises": ("FAIL", "KeyError: 'key' (test_mine.py:5)"),
        "test_skips": ("SKIP", "not here"),
        "test_known_to_fail": ("SKIP", "expected to fail: known"),
        "test_better_than_thought": ("PASS", ""),
        "test_mended": ("FAIL", "[XPASS(strict)]"),
        "test_numbers[1]": ("PASS", ""),
        "test_numbers[2]": ("FAIL", "assert 2 == 1 (test_mine.py:14)"),
        "test_unknown": ("ERROR", "setup: fixture 'no_such_fixture' not found"),
        "test_set_up": ("ERROR", "setup: RuntimeError: no such thing (test_mine.py:17)"),
        "test_tear_down": ("ERROR", "teardown: RuntimeError: left behind (test_mine.py:22)"),
        "test_both": ("FAIL", "assert 0 (test_mine.py:24)"),
        "TestClass::test_method": ("PASS", ""),
    }
    assert found.status is Status.FAIL
    named = "test_fails, test_raises, test_mended, test_numbers[2], test_unknown, …"
    assert found.reason == f"8 of 14 tests failed: {named}"
    assert found.progressed is False


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("def test_one(): pass", Status.PASS, ""),
        ("import nothing_like_it", Status.ERROR, "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("def test_one(:", Status.ERROR, "SyntaxError: invalid syntax"),
        ("raise RuntimeError('at once')", Status.ERROR, "RuntimeError: at once"),
        ("", Status.ERROR, "there was no test to run"),
        ("import pytest\npytest.skip('never', allow_module_level=True)", Status.SKIP, "never"),
        ("import pytest\ndef test_one(): pytest.skip('not now')", Status.SKIP, "not now"),
        ("import pytest\ndef test_one(): pytest.exit('enough')", Status.FAIL, "1 of 1 tests failed: test_one"),
        ("def test_one(guest): pass", Status.SKIP, "there is no guest: `rig run KERNEL -w ./FILE` boots one"),
    ],
)
def test_what_a_file_comes_to(judged: Judged, text: str, status: Status, reason: str) -> None:
    found = judged(text)
    assert (found.status, found.reason) == (status, reason)
    assert found.progressed == (status is Status.PASS)


def test_none_left_to_run_is_an_error(judged: Judged) -> None:
    assert judged("def test_one(): pass", "-k", "two").reason == "there was no test to run"


def test_what_pytest_does_not_understand_is_an_error_in_its_words(judged: Judged) -> None:
    found = judged("def test_one(): pass", "--no-such-option")
    assert found.status is Status.ERROR


@pytest.mark.parametrize("options", [("-s",), ("-v",), ("-s", "-vv")])
def test_lines_are_their_own_whatever_is_printed_between(judged: Judged, options: tuple[str, ...]) -> None:
    found = judged("def test_one(): print('no end', end='')\ndef test_two(): pass", *options)
    assert [case.status for case in found.cases] == [Status.PASS, Status.PASS]


def test_a_test_counts_as_failed_until_it_is_over(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin.Results, "pytest_runtest_logfinish", lambda _: None)
    (case,) = judged("def test_one(): pass").cases
    assert (case.status, case.reason) == (Status.FAIL, workloads.UNFINISHED)
