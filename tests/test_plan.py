from pathlib import Path

import pytest

from rig import plan, yamlfile
from rig.errors import InputError
from rig.experiment import Overrides


def test_the_shipped_default_plan_reads() -> None:
    made = plan.make("base", "patched", overrides=Overrides())
    assert made.patched
    assert (made.base.name, made.patched.name, made.repeats) == ("base", "patched", 3)
    assert [entry.name for entry in made.workloads] == ["memslot-churn", "vm-teardown", "root-churn"]


def test_the_command_line_wins() -> None:
    made = plan.make("base", "patched", overrides=Overrides(repeats=1, workloads=("root-churn",), jobs=4))
    assert (made.repeats, [entry.name for entry in made.workloads], made.jobs) == (1, ["root-churn"], 4)


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
