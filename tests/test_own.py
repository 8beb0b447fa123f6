import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rig import own
from rig.errors import InputError

EMPTY = "int main(void) { return 0; }\n"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "mine"
    path.write_text("#!/bin/sh\n")
    return path


def linked(directory: Path, *options: str) -> str:
    """Compile the empty program; Debian's static C library is what the workloads need, too."""
    (directory / "it.c").write_text(EMPTY)
    subprocess.run(("gcc", *options, "-o", "it", "it.c"), cwd=directory, check=True)
    return str(directory / "it")


def test_arguments_are_parted_as_in_a_shell(script: Path) -> None:
    found = own.resolve(f"{script} --flag '3 4' {{seconds}}")
    assert (found.path, found.args, found.tests) == (script, ("--flag", "3 4", "{seconds}"), False)


def test_a_name_with_spaces_needs_no_quotes_alone(tmp_path: Path) -> None:
    path = tmp_path / "my test's"
    path.write_text("#!/bin/sh\n")
    assert own.resolve(str(path)).path == path


def test_a_python_file_holds_tests(tmp_path: Path) -> None:
    path = tmp_path / "test_mine.py"
    path.write_text("#!/usr/bin/env python3\n")
    found = own.resolve(f"{path}::TestIt::test_one -k x")
    assert (found.path, found.tests, found.test, found.args) == (path, True, "TestIt::test_one", ("-k", "x"))


@pytest.mark.parametrize(
    ("arguments", "complaint", "hint"),
    [
        ("'", "No closing quotation", "as in a shell"),
        ("{second}", "can't be filled in: 'second'", "{seconds}, {vcpus}, {threads}, {seed} can be used"),
        ("{", "can't be filled in", "a brace itself is written twice"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_runs(
    script: Path, arguments: str, complaint: str, hint: str
) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        own.resolve(f"{script} {arguments}")
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("first", "complaint", "hint"),
    [
        ("#!/bin/bash", "there is no /bin/bash in the guest", "#!/bin/sh"),
        ("#!/usr/bin/env python3", "there is no /usr/bin/env in the guest", "name the file *.py"),
        ("#!", "there is no interpreter in the guest", "#!/bin/sh"),
        ("true", "is no program", "#!/bin/sh"),
        ("\x7fELF", "is no program", ""),
    ],
)
def test_what_the_guest_cannot_run_is_refused(script: Path, first: str, complaint: str, hint: str) -> None:
    script.write_text(f"{first}\n")
    with pytest.raises(InputError, match=complaint) as raised:
        own.resolve(str(script))
    assert hint in raised.value.hint


def test_a_script_may_have_options_for_its_shell(script: Path) -> None:
    script.write_text("#! /bin/sh -e\n")
    assert own.resolve(str(script)).path == script


@pytest.mark.parametrize("options", [("-static",), ("-static-pie",)])
def test_a_static_program_can_run(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert own.resolve(linked(tmp_path, *options)).path == tmp_path / "it"


@pytest.mark.parametrize(
    ("options", "complaint", "hint"),
    [((), "is linked dynamically", "gcc -static"), (("-c",), "is not linked", "gcc -static")],
)
def test_another_binary_cannot(tmp_path: Path, options: tuple[str, ...], complaint: str, hint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        own.resolve(linked(tmp_path, *options))
    assert hint in raised.value.hint


def test_neither_can_one_of_another_architecture(tmp_path: Path) -> None:
    machine = 18  # offset of e_machine
    path = tmp_path / "foreign"
    shutil.copyfile(os.path.realpath(sys.executable), path)
    with path.open("r+b") as file:
        file.seek(machine)
        file.write(b"\xb7\0")
    with pytest.raises(InputError, match="is a program for AARCH64"):
        own.resolve(str(path))
