"""The one list of packages, as its readers read it."""

import subprocess

from rig import doctor, paths


def test_make_and_the_doctor_want_the_same() -> None:
    command = ("make", "--silent", "--eval=show: ; @echo $(PACKAGES)", "show")
    said = subprocess.run(command, cwd=paths.project(), capture_output=True, text=True, check=True).stdout
    assert tuple(said.split()) == doctor.packages()
    assert "qemu-system-x86" in doctor.packages()


def test_what_is_for_the_tests_alone_is_not_wanted_of_users() -> None:
    assert "chromium" not in doctor.packages()
