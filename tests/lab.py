"""Scripted kernels and guests, for tests of what runs many of them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig.model import Accel, BuildFailure, End, Image, Kernel, Recipe, Trial, Workload
from tests import values

SPLAT = """\
[   12.000000][  T100] ------------[ cut here ]------------
[   12.000001][  T100] WARNING: CPU: 0 PID: 100 at arch/x86/kvm/mmu/tdp_mmu.c:1005 kvm_tdp_mmu_zap_all+0x1c3/0x270
[   12.000002][  T100] CPU: 0 PID: 100 Comm: memslot-churn Not tainted 6.1.192 #1
[   12.000003][  T100] RIP: 0010:kvm_tdp_mmu_zap_all+0x1c3/0x270
[   12.000004][  T100] Call Trace:
[   12.000005][  T100]  <TASK>
[   12.000006][  T100]  kvm_mmu_zap_all+0x75/0x240
[   12.000007][  T100]  kvm_destroy_vm+0x10/0x20
[   12.000008][  T100]  </TASK>
[   12.000009][  T100] ---[ end trace 0000000000000000 ]---
"""
Script = Callable[[str, int, Workload], dict[str, Any]]


class Lab:
    """Stands in for everything that takes time; remembers what it was asked for."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.boots: list[tuple[str, tuple[str, ...]]] = []
        self.kernels: list[str] = []  # that were booted
        self.running = self.most = 0
        self.failing: set[str] = set()

    def stand_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take the place of what builds and boots."""
        monkeypatch.setattr("rig.pipeline.accel.find", self.accel)
        monkeypatch.setattr("rig.pipeline.image.build", self.image)
        monkeypatch.setattr("rig.pipeline.build", self.build)
        monkeypatch.setattr("rig.rounds.trial.run", self.trial)

    async def accel(self, *_: str) -> Accel:
        return Accel(name="tcg", reason="scripted", time_scale=1)

    async def image(self, _: object) -> Image:
        return Image(path=Path("initrd"), digest="d")

    async def build(self, recipe: Recipe, *_: object) -> Kernel | BuildFailure:
        if recipe.name in self.failing:
            return BuildFailure(
                name=recipe.name, profile="sanitize", errors=("a.c:1:1: error: x",), log=Path("l"), seconds=1
            )
        return values.kernel(recipe.name)

    async def trial(self, kernel: Kernel, workloads: tuple[Workload, ...], **given: Any) -> Trial:
        side, index, directory = given["side"], given["index"], given["directory"]
        self.boots.append((side, tuple(each.name for each in workloads)))
        self.kernels.append(kernel.name)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        trial = values.trial(side, index=index, outcomes=(), kernel=kernel.name)
        for workload in workloads:
            does = self.script(side, index, workload)
            with (directory / trial.console).open("a") as console:
                console.write(f"[    1.0][    T9] rig: begin {workload.name}\n{does.pop('console', '')}")
            end = does.pop("end", End.FINISHED)
            outcome = values.outcome(workload.name, **does)
            trial = replace(trial, end=end, outcomes=(*trial.outcomes, outcome))
            if end is not End.FINISHED or outcome.detectors_lost:
                break
        return trial


def bad(workload: str, **does: Any) -> Script:
    """A patched kernel that warns under `workload`."""

    def script(side: str, _: int, asked: Workload) -> dict[str, Any]:
        return {"console": SPLAT, **does} if side == "patched" and asked.name == workload else {}

    return script
