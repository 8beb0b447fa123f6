import json

from rig.gcov import Function, counted


def document(count: int) -> bytes:
    lines = [{"line_number": 3, "count": count, "branches": [], "unexecuted_block": False, "function_name": "f"}]
    functions = [{"name": "f", "start_line": 2, "end_line": 5, "execution_count": 1, "blocks": 2}]
    file = {"file": "/src/x.h", "lines": lines, "functions": functions}
    return json.dumps({"format_version": "1", "gcc_version": "12", "files": [file]}).encode()


def test_a_line_of_a_header_ran_as_often_as_in_all_objects() -> None:
    found = counted([document(2), document(3)])
    assert found.lines == {("/src/x.h", 3): 5}
    assert found.functions == {Function(file="/src/x.h", name="f", first=2, last=5)}


def test_a_count_that_gcov_could_not_work_out_is_none() -> None:
    assert counted([document(-7)]).lines == {("/src/x.h", 3): 0}


def test_nothing_says_nothing() -> None:
    assert counted([]).lines == {}
