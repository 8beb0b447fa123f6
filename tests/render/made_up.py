"""A run that has everything a report page can show, and one whose every text is hostile."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rig import coverage
from rig.gcov import counted
from rig.model import (
    Case,
    ChangedLine,
    Comparison,
    CompilerWarning,
    Count,
    Coverage,
    End,
    Finding,
    FindingStatus,
    Location,
    Lock,
    MetricChange,
    MetricKind,
    Outcome,
    Report,
    Run,
    Settings,
    Sighting,
    Stage,
    Status,
    Trial,
    Verdict,
)
from rig.render import page
from rig.reports.sightings import sightings
from tests import values

PATCH = (Path(__file__).parents[2] / "kernels/patches/0002-keep-roots-until-invalidated.patch").read_text()
GOLDEN = Path(__file__).parents[1] / "golden"
TDP = "arch/x86/kvm/mmu/tdp_mmu.c"
KASAN = "KASAN: use-after-free Read in kvm_tdp_mmu_zap_invalidated_roots"
HOSTILE = "</script><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}\" onmouseover='alert(2)'\x1b[31m\u202e<!--"

BOOT = "".join(f"[{n / 50:12.6f}][    T0] booting, step {n}: something that a kernel says\n" for n in range(1, 250))
SPLAT = """\
[   12.100000][  T100] ==================================================================
[   12.100001][  T100] BUG: KASAN: use-after-free in kvm_tdp_mmu_zap_invalidated_roots+0x196/0x1e0
[   12.100002][  T100] Read of size 8 at addr ffff8880098dd5d0 by task memslot-churn/100
[   12.100003][  T100]
[   12.100004][  T100] CPU: 0 PID: 100 Comm: memslot-churn Not tainted 6.1.192 #1
[   12.100005][  T100] Call Trace:
[   12.100006][  T100]  <TASK>
[   12.100007][  T100]  dump_stack_lvl+0x51/0x66
[   12.100008][  T100]  print_report+0x184/0x478
[   12.100009][  T100]  kasan_report+0xe9/0x190
[   12.100010][  T100]  kvm_tdp_mmu_zap_invalidated_roots+0x196/0x1e0
[   12.100011][  T100]  kvm_mmu_zap_all_fast+0x40c/0x5c0
[   12.100012][  T100]  kvm_set_memslot+0x7cf/0xe50
[   12.100013][  T100]  __kvm_set_memory_region+0x7ba/0x15b0
[   12.100014][  T100]  ? kvm_vm_ioctl_check_extension+0x10/0x20
[   12.100015][  T100]  kvm_vm_ioctl+0x6eb/0x31b0
[   12.100016][  T100]  __x64_sys_ioctl+0x883/0x1680
[   12.100017][  T100]  do_syscall_64+0x2f/0x50
[   12.100018][  T100]  </TASK>
[   12.100019][  T100]
[   12.100020][  T100] Allocated by task 99:
[   12.100021][  T100]  kasan_save_stack+0x39/0x60
[   12.100022][  T100]  kmem_cache_alloc+0xf7/0x2b0
[   12.100023][  T100]  kvm_mmu_topup_memory_cache+0x10/0x20
[   12.100024][  T100]
[   12.100025][  T100] Freed by task 100:
[   12.100026][  T100]  kasan_save_stack+0x39/0x60
[   12.100027][  T100]  kmem_cache_free+0x144/0x3e0
[   12.100028][  T100]  kvm_tdp_mmu_put_root+0x28e/0x3e0
[   12.100029][  T100] ==================================================================
"""
WARNING = """\
[   14.000000][  T100] ------------[ cut here ]------------
[   14.000001][  T100] WARNING: CPU: 0 PID: 100 at arch/x86/kvm/mmu/tdp_mmu.c:46 kvm_mmu_uninit_tdp_mmu+0x1c3/0x270
[   14.000002][  T100] CPU: 0 PID: 100 Comm: vm-teardown Not tainted 6.1.192 #1
[   14.000003][  T100] RIP: 0010:kvm_mmu_uninit_tdp_mmu+0x1c3/0x270
[   14.000004][  T100] Call Trace:
[   14.000005][  T100]  <TASK>
[   14.000006][  T100]  kvm_mmu_uninit_vm+0x75/0x240
[   14.000007][  T100]  kvm_destroy_vm+0x10/0x20
[   14.000008][  T100]  </TASK>
[   14.000009][  T100] ---[ end trace 0000000000000000 ]---
"""
PLACES = {  # by function: where it is on base and on patched
    "kvm_tdp_mmu_zap_invalidated_roots": (990, 949),
    "kvm_mmu_uninit_tdp_mmu": (46, 54),
    "kvm_tdp_mmu_put_root": (109, 105),
}
WORKLOADS = ("root-churn", "memslot-churn", "vm-teardown", "error-paths")
SideName = Literal["base", "patched"]


def console(side: SideName, index: int) -> bytes:
    """What the guest of a trial said."""
    splats = {"memslot-churn": SPLAT if side == "patched" else "", "vm-teardown": WARNING if index == 1 else ""}
    told = "".join(f"[   10.000000][   T37] rig: begin {name}\n{splats.get(name, '')}" for name in WORKLOADS)
    return (BOOT + told + f"the needle of {side} {index}\n").replace("\n", "\r\n").encode()


def _decoded(report: Report, side: SideName) -> Report:
    """The report as if its frames had been looked up in a kernel."""

    def located(function: str) -> tuple[Location, ...]:
        if function not in PLACES:
            return (Location(function=function, file="virt/kvm/kvm_main.c", line=1865),)
        line = PLACES[function][side == "patched"]
        own = Location(function=function, file=TDP, line=line, patched=True)
        return Location(function="tdp_mmu_free_sp", file=TDP, line=68), own

    traces = tuple(
        replace(trace, frames=tuple(replace(frame, at=located(frame.function)) for frame in trace.frames))
        for trace in report.traces
    )
    return replace(report, traces=traces)


def _seen(raw: bytes, side: SideName) -> tuple[Sighting, ...]:
    return tuple(replace(each, report=_decoded(each.report, side)) for each in sightings([raw]))


def trial(side: SideName, index: int, began: float) -> Trial:
    """One boot; the last patched one hangs."""
    hung = (side, index) == ("patched", 3)
    ran = [values.outcome(name, seconds=11.5, l2_entries=44) for name in WORKLOADS[: 3 if hung else 4]]
    if hung:
        ran[-1] = values.outcome(WORKLOADS[2], Status.FAIL, reason="hung: not done after 100 s", seconds=100)
    elif side == "base":
        ran[-1] = values.outcome(WORKLOADS[3], Status.SKIP, reason="no fault injection", cases=(_case(),))
    return values.trial(
        side,
        index=index,
        outcomes=tuple(ran),
        kernel=side,
        planned=WORKLOADS,
        end=End.HUNG if hung else End.FINISHED,
        end_reason="vm-teardown: not done after 100 s" if hung else "",
        ready_seconds=14.0,
        seconds=150.0 if hung else 68.0,
        began=began,
    )


def _case() -> Case:
    return Case(name="smm_test", status=Status.SKIP, reason="no SMM")


def trials() -> Iterator[tuple[Trial, bytes]]:
    """All boots with their consoles, the sides taking turns."""
    sides: tuple[SideName, ...] = ("base", "patched")
    for number, side in enumerate(sides * 3):
        made = trial(side, number // 2 + 1, 95.0 + 72 * (number // 2))
        raw = console(side, made.index)
        yield replace(made, sightings=_seen(raw, side)), raw


def findings(sides: list[tuple[Trial, bytes]]) -> tuple[Finding, ...]:
    """One finding of each sort."""
    patched = next(each for each, _ in sides if each.side == "patched")
    base = sides[0][0]
    kasan = next(each.report for each in patched.sightings if each.report.title == KASAN)
    warning = base.sightings[0].report
    return (
        _finding(
            title=KASAN,
            alt_titles=("bad-access in kvm_tdp_mmu_zap_invalidated_roots",),
            type="KASAN-USE-AFTER-FREE-READ",
            patched=Count(hits=3, trials=3),
            p_value=0.05,
            explanation="3 of 3 patched, 0 of 3 base; up to 63% of base trials could still show it",
            example=kasan.text,
            place=Location(function="kvm_tdp_mmu_zap_invalidated_roots", file=TDP, line=949, patched=True),
            source=(
                (947, "\tread_lock(&kvm->mmu_lock);"),
                (948, ""),
                (949, "\tlist_for_each_entry(root, &kvm->arch.tdp_mmu_roots, link) {"),
                (950, "\t\tif (!root->tdp_mmu_scheduled_root_to_zap)"),
                (951, "\t\t\tcontinue;"),
            ),
            console=patched.console,
            offset=kasan.start,
        ),
        _finding(
            title="root-churn: pf_fixed_300 went up",
            type="METRIC",
            explanation="2015 to 2411",
            patched=Count(hits=3, trials=3),
        ),
        _finding(
            title="compiler warning: arch/x86/kvm/mmu/tdp_mmu.c: unused variable ‘root’ [-Wunused-variable]",
            type="COMPILER",
            workload="build",
            explanation="1 times patched, 0 times base, in kvm_tdp_mmu_put_root()",
        ),
        _finding(
            title="compiler warning: virt/kvm/kvm_main.c: ‘r’ may be used uninitialized [-Wmaybe-uninitialized]",
            type="COMPILER",
            status=FindingStatus.FIXED,
            workload="build",
            explanation="0 times patched, 1 times base",
        ),
        _finding(
            title="vm-teardown failed",
            status=FindingStatus.INCONCLUSIVE,
            type="WORKLOAD",
            workload="vm-teardown",
            patched=Count(hits=1, trials=3),
            p_value=0.5,
            explanation="1 of 3 patched, 0 of 3 base",
            advice="6 more trials of vm-teardown on each side (about 9 min): --repeats 9",
            example="hung: not done after 100 s",
            console="console-patched-3.log",
        ),
        _finding(
            title=warning.title,
            status=FindingStatus.BOTH,
            type="WARNING",
            workload="vm-teardown",
            base=Count(hits=1, trials=3),
            patched=Count(hits=1, trials=3),
            explanation="1 of 3 patched, 1 of 3 base",
            example=warning.text,
            console=base.console,
            offset=warning.start,
        ),
    )


def _finding(**given: object) -> Finding:
    return Finding(
        **{  # type: ignore[arg-type]
            "status": FindingStatus.NEW,
            "workload": "memslot-churn",
            "profile": "sanitize",
            "base": Count(hits=0, trials=3),
            "patched": Count(hits=0, trials=3),
            **given,
        }
    )


def metrics() -> tuple[MetricChange, ...]:
    """A guarded one that rose, one that fell, rates with intervals, and hundreds that are alike."""
    alike = (metric(f"op_{number}", (number, number, number), (number, number, number), 0.0) for number in range(300))
    return (
        metric("pf_fixed_300", (2015, 2015, 2015), (2411, 2411, 2411), 0.197, significant=True, guarded=True),
        metric("pf_fixed_control", (140, 140, 140), (12, 12, 12), -0.914, significant=True),
        metric("invented", (0, 0, 0), (3, 4, 5), None, significant=True),
        metric(
            "iterations_per_s",
            (101.5, 97.2, 103.9),
            (92.0, 99.1, 95.5),
            -0.06,
            kind=MetricKind.RATE,
            p_value=0.2,
            q_value=0.61,
            low=-0.11,
            high=0.02,
        ),
        *alike,
    )


def metric(
    name: str, base: tuple[float, ...], patched: tuple[float, ...], change: float | None, **given: object
) -> MetricChange:
    """One metric of both sides."""
    return MetricChange(
        **{  # type: ignore[arg-type]
            "name": name,
            "unit": "1",
            "workload": "root-churn" if name.startswith("pf") else "memslot-churn",
            "kind": MetricKind.EXACT,
            "base": base,
            "patched": patched,
            "change": change,
            "p_value": None,
            "significant": False,
            **given,
        }
    )


def covered() -> Coverage:
    """The seed patch as it was once measured, as if kvm_tdp_mmu_zap_all() had never run."""
    read = counted([gzip.decompress((GOLDEN / "gcov-2-vm-teardown.json.gz").read_bytes())])
    look = coverage.Look(boot=1, workload="vm-teardown", counted=read)
    measured = coverage.measured(coverage.changed((PATCH[PATCH.index("diff --git") :],)), (look,))
    lines = (
        replace(line, count=0, workloads=()) if line.function == "kvm_tdp_mmu_zap_all" and line.count else line
        for line in measured.lines
    )
    return replace(measured, lines=tuple(lines), unmeasured=(("arch/x86/kvm/x.S", "assembly: gcov counts C only"),))


def rich() -> tuple[Run, dict[str, bytes]]:
    """A regression with all that a page can show, and its consoles."""
    sides = list(trials())
    run = Run(
        id="20260101-000000-abcd",
        began="2026-01-01T00:00:00+00:00",
        seconds=402.5,
        command="rig compare base patched --repeats 3",
        base=values.kernel("base", tree="a" * 40, config_digest="c" * 64, compiler="gcc 12.2.0", seconds=61.0),
        patched=values.kernel("patched", tree="b" * 40, config_digest="c" * 64, compiler="gcc 12.2.0", seconds=22.0),
        trials=tuple(sorted((each for each, _ in sides), key=lambda each: each.side)),
        comparison=Comparison(
            verdict=Verdict.REGRESSION,
            findings=findings(sides),
            metrics=metrics(),
            notes=("error-paths showed nothing on base: SKIP: no fault injection",),
        ),
        environment=values.ENVIRONMENT,
        settings=Settings(workloads=WORKLOADS, seconds=10, repeats=3, confirm=6, confidence=0.95, budget=1200),
        stages=(
            Stage(what="image", began=0.4, seconds=2.1),
            Stage(what="building base", began=2.5, seconds=61),
            Stage(what="building patched", began=63.5, seconds=22),
            Stage(what="reading consoles", began=395, seconds=4),
        ),
        patch=PATCH[PATCH.index("diff --git") :],
        coverage=covered(),
    )
    return run, {each.console: raw for each, raw in sides}


def hostile() -> tuple[Run, dict[str, bytes]]:
    """The same with hostile text wherever a guest, a patch or a user can put some."""
    run, raw = rich()
    finding = replace(
        run.comparison.findings[0],
        title=HOSTILE,
        alt_titles=(HOSTILE,),
        type=HOSTILE,
        workload=HOSTILE,
        explanation=HOSTILE,
        advice=HOSTILE,
        example=HOSTILE,
        place=Location(function=HOSTILE, file=HOSTILE, line=1),
        source=((1, HOSTILE),),
    )
    warning = CompilerWarning(file=HOSTILE, line=1, function=HOSTILE, flag=HOSTILE, text=HOSTILE)
    return (
        replace(
            run,
            id=HOSTILE,
            command=HOSTILE,
            base=values.kernel(HOSTILE, compiler=HOSTILE, warnings=(warning,)),
            trials=tuple(_hostile_trial(each) for each in run.trials),
            comparison=replace(
                run.comparison,
                findings=(finding, replace(finding, type="COMPILER"), replace(finding, example=HOSTILE, type="X")),
                metrics=(metric(HOSTILE, (1.0,), (2.0,), 1.0, unit=HOSTILE, workload=HOSTILE, significant=True),),
                notes=(HOSTILE,),
            ),
            environment=replace(run.environment, accel_reason=HOSTILE, host=HOSTILE, profile=HOSTILE),
            stages=(Stage(what=HOSTILE, began=0, seconds=9),),
            patch=f"--- a/x\n+++ b/x\n@@ -1 +1 @@ {HOSTILE}\n-{HOSTILE}\n+{HOSTILE}\n",
            coverage=Coverage(
                lines=tuple(
                    ChangedLine(file=file, line=1, text=HOSTILE, function=HOSTILE, commit=0, count=count)
                    for file, count in (("x", 0), (HOSTILE, 1))
                ),
                unmeasured=((HOSTILE, HOSTILE),),
                workloads=(HOSTILE,),
                notes=(HOSTILE,),
            ),
        ),
        {name: text + f"\n{HOSTILE}\n".encode() for name, text in raw.items()},
    )


def _hostile_trial(trial: Trial) -> Trial:
    reports = (
        replace(
            each.report,
            title=HOSTILE,
            text=HOSTILE,
            message=HOSTILE,
            frame=HOSTILE,
            locks=(Lock(name=HOSTILE, site=HOSTILE),),
        )
        for each in trial.sightings
    )
    return replace(
        trial,
        kernel=HOSTILE,
        planned=(*trial.planned, HOSTILE),
        end_reason=HOSTILE,
        outcomes=tuple(_hostile_outcome(each) for each in trial.outcomes),
        sightings=tuple(
            replace(sighting, report=report) for sighting, report in zip(trial.sightings, reports, strict=True)
        ),
    )


def _hostile_outcome(outcome: Outcome) -> Outcome:
    return replace(outcome, status=Status.FAIL, reason=HOSTILE, output=HOSTILE)


def html(run: Run, raw: dict[str, bytes]) -> str:
    """The page of a run with these consoles."""
    return page.render(run, raw)
