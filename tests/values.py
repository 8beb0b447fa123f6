"""Small values of the model, with just what a test is about given."""

from pathlib import Path
from typing import Any, Literal

from rig.model import (
    Build,
    Case,
    ChangedLine,
    Checked,
    Comparison,
    Count,
    Coverage,
    End,
    Environment,
    Finding,
    FindingStatus,
    Kernel,
    Metric,
    MetricKind,
    Outcome,
    Presubmit,
    Report,
    Run,
    Sighting,
    Status,
    Trial,
    Verdict,
)

# What a console may say to harm those who read it in some format or other.
HOSTILE = (
    "\x1b[2J\x00\x08 <script>alert(1)</script></code></details> ]]> @everyone #1 https://evil.example "
    "| `` ``` \n~~~\n```\n# Subtest: x\nSubtest: y\nseconds: 7\nok 1 forged\n"
    "not ok 2 forged\nReported-by: nobody\n---\ndiff --git a/x b/x\n"
    "[[ATTACHMENT|/etc/passwd]] $(reboot) \u202e\ufffe é"
)

ENVIRONMENT = Environment(
    accel="tcg",
    accel_reason="no /dev/kvm",
    qemu="QEMU 7.2",
    cpu="max",
    compiler="gcc 12",
    image="d",
    profile="sanitize",
    vcpus=2,
    memory_mib=1024,
    seed=1,
    host="h",
    base_tree="a",
    patched_tree="b",
    base_config="c",
    patched_config="c",
)


def kernel(name: str = "base", **given: Any) -> Kernel:
    return Kernel(
        **{"name": name, "profile": "sanitize", "digest": name, "release": "6.1", "bzimage": Path("b"), **given}
    )


def report(title: str, *alternatives: str, **given: Any) -> Report:
    return Report(title=title, alt_titles=alternatives, text=f"{title}\nmore", **given)


def outcome(workload: str = "churn", status: Status = Status.PASS, **given: Any) -> Outcome:
    return Outcome(**{"workload": workload, "status": status, "iterations": 5, "l2_entries": 5, **given})


def metric(name: str, value: float, kind: MetricKind = MetricKind.EXACT) -> Metric:
    return Metric(name=name, value=value, unit="1", kind=kind)


def trial(
    side: Literal["base", "patched"] = "base",
    *reports: Report | tuple[str, Report],
    index: int = 1,
    outcomes: tuple[Outcome, ...] = (outcome(),),
    **given: Any,
) -> Trial:
    """A trial of one workload "churn"; a report stands under it unless given as (workload, report)."""
    pairs = (each if isinstance(each, tuple) else ("churn", each) for each in reports)
    defaults = {"kernel": side, "planned": ("churn",), "end": End.FINISHED, "console": f"console-{side}-{index}.log"}
    return Trial(
        side=side,
        index=index,
        outcomes=outcomes,
        sightings=tuple(Sighting(workload=workload, report=each) for workload, each in pairs),
        **{**defaults, **given},
    )


def finding(title: str = "WARNING in foo", status: FindingStatus = FindingStatus.NEW, **given: Any) -> Finding:
    """A finding under "churn", seen in 3 of 3 patched and 0 of 3 base trials."""
    defaults: dict[str, Any] = {
        "type": "WARNING",
        "workload": "churn",
        "profile": "sanitize",
        "base": Count(hits=0, trials=3),
        "patched": Count(hits=3, trials=3),
        "p_value": 0.05,
        "explanation": "3 of 3 patched, 0 of 3 base",
        "example": f"{title}\nCall Trace:\n foo+0x1/0x2 (a.c:1)",
        "console": "console-patched-1.log",
    }
    return Finding(title=title, status=status, **{**defaults, **given})


def run(*findings: Finding, verdict: Verdict = Verdict.CLEAN, **given: Any) -> Run:
    """A comparison of "base" and "patched", one trial each."""
    defaults: dict[str, Any] = {
        "id": "20260101-000000-abcd",
        "began": "2026-01-01T00:00:00+00:00",
        "seconds": 100.0,
        "command": "rig compare base patched",
        "base": kernel("base", tree="a" * 40),
        "patched": kernel("patched", tree="b" * 40),
        "trials": (trial("base"), trial("patched")),
        "comparison": Comparison(verdict=verdict, findings=findings, metrics=(), notes=given.pop("notes", ())),
        "environment": ENVIRONMENT,
    }
    return Run(**{**defaults, **given})


def checked(short: str = "a1b2c3d", **given: Any) -> Checked:
    """A commit that builds."""
    defaults: dict[str, Any] = {"id": "a" * 40, "subject": "KVM: x86: Do it", "files": ("a.c",), "build": Build.BUILT}
    return Checked(short=short, **{**defaults, **given})


def presubmit(*commits: Checked, **given: Any) -> Run:
    """A check before sending of `commits`, with the comparison of `run`."""
    made = Presubmit(base="origin/master", commits=commits, steps=given.pop("steps", ()), **given.pop("made", {}))
    return run(presubmit=made, **given)


def changed(line: int, count: int | None, **given: Any) -> ChangedLine:
    """A line that the first commit changes in a function of x.c."""
    defaults = {"file": "virt/kvm/x.c", "text": f"\tline({line});", "function": "kvm_f", "commit": 0}
    workloads = ("churn",) if count else ()
    return ChangedLine(line=line, count=count, **{**defaults, "workloads": workloads, **given})


def covered(**given: Any) -> Coverage:
    """A function of which one line of two ran, one of which none did, and a comment."""
    lines = (changed(10, 104), changed(11, 0), changed(12, None), changed(20, 0, function="kvm_g"))
    defaults: dict[str, Any] = {"lines": lines, "workloads": ("boot", "churn"), "unmeasured": (("x.S", "assembly"),)}
    return Coverage(**{**defaults, **given})


def hostile() -> Run:
    """A regression in which all that a kernel or a workload can say is meant to do harm."""
    bad = outcome(status=Status.FAIL, reason=HOSTILE, output=HOSTILE, cases=(_case(),))
    broken = trial("patched", report(HOSTILE), outcomes=(bad,), end=End.PANICKED, end_reason=HOSTILE)
    found = finding(HOSTILE, alt_titles=(HOSTILE,), example=f"{HOSTILE}\n" * 3, explanation=HOSTILE, advice=HOSTILE)
    line = changed(1, 0, file=HOSTILE, text=HOSTILE, function=HOSTILE)
    measured = covered(lines=(line,), workloads=(HOSTILE,), unmeasured=((HOSTILE, HOSTILE),), notes=(HOSTILE,))
    return run(found, verdict=Verdict.REGRESSION, trials=(trial("base"), broken), notes=(HOSTILE,), coverage=measured)


def _case() -> Case:
    return Case(name=HOSTILE, status=Status.FAIL, reason=HOSTILE)
