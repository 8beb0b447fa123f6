"""The main job, for real: kernels built, booted, stressed and compared, as a user does it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from rig import proc
from rig.errors import Exit

pytestmark = pytest.mark.boot
LIMIT = 1800.0  # seconds; two cold builds fit


async def rig(*words: str, expect: int) -> str:
    """Run the rig and return what it said; fails if the exit status is another than expected."""
    done = await proc.run((sys.executable, "-m", "rig", *words), limit=LIMIT, check=False)
    assert done.status == expect, done.output
    return done.output


async def compared(base: str, patched: str, directory: Path, *options: str, expect: int) -> dict[str, Any]:
    file = directory / "result.json"
    await rig("compare", base, patched, "--json", str(file), "--seconds", "4", *options, expect=expect)
    result: dict[str, Any] = json.loads(file.read_text())
    return result


@pytest.fixture(autouse=True)
def own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the runs out of the user's; the cache is the user's, kernels are dear."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def test_the_shipped_patch_is_clean_and_its_effect_is_exact(tmp_path: Path) -> None:
    result = await compared("base", "patched", tmp_path, "--repeats", "2", expect=Exit.CLEAN)
    assert (result["verdict"], result["findings"], result["notes"]) == ("clean", [], [])
    metrics = {metric["name"]: metric for metric in result["metrics"] if metric["workload"] == "root-churn"}
    effect = metrics["pf_fixed_300"]
    assert len(set(effect["base_values"])) == len(set(effect["patched_values"])) == 1
    assert effect["base"] >= 10 * effect["patched"]
    assert effect["significant"]
    assert not metrics["pf_fixed_control"]["significant"]
    assert {outcome["status"] for trial in result["trials"] for outcome in trial["outcomes"]} == {"PASS"}
    assert all(outcome["l2_entries"] for trial in result["trials"] for outcome in trial["outcomes"])


@pytest.mark.parametrize(
    ("name", "workload", "title"),
    [
        ("m02-lock-inversion-pages-lock", "vm-teardown", "possible deadlock in kvm_mmu_uninit_tdp_mmu"),
        ("m10-extra-put-root", "root-churn", "WARNING: refcount bug in kvm_tdp_mmu_put_root"),
    ],
)
async def test_a_known_bad_kernel_is_caught(name: str, workload: str, title: str, tmp_path: Path) -> None:
    result = await compared("patched", name, tmp_path, "-w", workload, expect=Exit.INTRODUCED)
    (finding,) = [finding for finding in result["findings"] if finding["title"] == title]
    assert (finding["status"], finding["workload"], finding["base"]["hits"]) == ("new", workload, 0)
    assert finding["patched"]["hits"] == finding["patched"]["trials"] >= 3
    assert finding["place"]["file"] == "arch/x86/kvm/mmu/tdp_mmu.c"
    assert finding["place"]["line"] in dict(finding["source"])
    assert " <- patched" in finding["example"]


async def test_a_patch_that_does_not_compile_is_a_finding_with_the_compilers_words(tmp_path: Path) -> None:
    result = await compared("patched", "b01-does-not-compile", tmp_path, expect=Exit.INTRODUCED)
    (finding,) = result["findings"]
    assert (finding["type"], finding["status"]) == ("BUILD", "new")
    assert "error:" in finding["example"]


async def test_a_kernel_that_panics_at_boot_is_a_finding(tmp_path: Path) -> None:
    options = ("--repeats", "3", "-w", "root-churn")
    result = await compared("patched", "b02-panics-at-boot", tmp_path, *options, expect=Exit.INTRODUCED)
    titles = {finding["title"]: finding["status"] for finding in result["findings"]}
    assert titles["kernel BUG in kvm_mmu_spte_module_init"] == "new"


async def test_a_program_of_the_users_runs_in_the_guest(tmp_path: Path) -> None:
    script = tmp_path / "mine.sh"
    script.write_text("#!/bin/sh\ntest -c /dev/kvm && uname -r\nexit 3\n")
    file = tmp_path / "result.json"
    await rig("run", "patched", "-n", "1", "-w", str(script), "--json", str(file), expect=Exit.INTRODUCED)
    (finding,) = json.loads(file.read_text())["findings"]
    assert (finding["title"], finding["workload"]) == ("mine.sh failed", "mine.sh")
    assert "exit status 3: 6.1." in finding["example"]


async def test_a_run_can_be_shown_copied_and_listed(tmp_path: Path) -> None:
    await rig("run", "patched", "-n", "1", "-s", "2", "-w", "root-churn", expect=Exit.CLEAN)
    listed = json.loads((await rig("ls", "--json", expect=0)).splitlines()[-1])
    elsewhere = Path(listed["directory"]).rename(tmp_path / "elsewhere")
    assert "CLEAN" in await rig("show", str(elsewhere), expect=0)
    assert (elsewhere / "reproduce.sh").stat().st_mode & 0o111
    assert b"rig: ready" in (elsewhere / "console-base-1.log").read_bytes()
