from pathlib import Path

import pytest

from rig import plan, yamlfile
from rig.errors import InputError
from rig.experiment import Overrides


def test_the_shipped_default_plan_reads() -> None:
    made = plan.make("base", "patched", overrides=Overrides())
    assert made.patched
    assert (made.base.name, made.patched.name, made.repeats) == ("base", "patched", 3)
    assert [entry.name for entry in made.workloads] == ["memslot-churn", "vm-teardown", "root-churn", "error-paths"]


def test_the_command_line_wins() -> None:
    made = plan.make("base", "patched", overrides=Overrides(repeats=1, workloads=("root-churn",), jobs=4))
    assert (made.repeats, [entry.name for entry in made.workloads], made.jobs) == (1, ["root-churn"], 4)


def test_virtual_time_is_for_one_processor() -> None:
    with pytest.raises(InputError, match="second processor") as caught:
        plan.make("base", "patched", overrides=Overrides(clock="virtual"))
    assert caught.value.hint == "add --vcpus 1"
    assert plan.make("base", "patched", overrides=Overrides(clock="virtual", vcpus=1)).clock == "virtual"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Overrides(workloads=("root-chrun",)), "no workload 'root-chrun'"),
        (Overrides(profile="sanitise"), "no profile 'sanitise'"),
    ],
)
def test_unknown_names_suggest_near_ones(given: Overrides, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        plan.make("base", "patched", overrides=given)
    assert "did you mean" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profile: sanitize\nworkloads: [a]\nrepeat: 3", r"repeat: unknown key; did you mean repeats"),
        ("profile: sanitize\nworkloads: [a]\nrepeats: three", r"repeats: Input should be a valid integer"),
        ("profile: sanitize", r"workloads: Field required"),
        ("- a", r"expected a mapping, found list"),
        ("a: [", r"not YAML"),
    ],
)
def test_a_bad_file_names_file_and_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"plan.yaml: {message}"):
        yamlfile.load(plan.PlanFile, path)


def test_a_workload_with_a_slash_is_a_program_of_the_users(tmp_path: Path) -> None:
    script = tmp_path / "mine.sh"
    script.write_text("#!/bin/sh\n")
    made = plan.make("base", None, overrides=Overrides(workloads=("root-churn", str(script))))
    assert [entry.name for entry in made.workloads] == ["root-churn", "mine.sh"]


def test_a_program_of_the_users_must_be_one(tmp_path: Path) -> None:
    text = tmp_path / "notes"
    text.write_text("no program")
    for name, complaint in ((str(text), "is no program"), (f"{tmp_path}/none", "no program")):
        with pytest.raises(InputError, match=complaint):
            plan.make("base", None, overrides=Overrides(workloads=(name,)))


def test_two_workloads_of_one_name_are_not_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / directory / "mine" for directory in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("#!/bin/sh\n")
    with pytest.raises(InputError, match="two workloads are called mine"):
        plan.make("base", None, overrides=Overrides(workloads=tuple(map(str, paths))))
