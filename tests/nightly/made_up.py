"""A night and what is told of it, with just what a test is about given."""

from datetime import date
from typing import Any

from rig.memory.values import (
    ChangePoint,
    Health,
    Job,
    Measure,
    Night,
    Observation,
    Regression,
    Tip,
    Trend,
    Where,
)
from rig.model import MetricKind
from rig.nightly.known import KnownIssue
from rig.nightly.news import News, news

TODAY = date(2026, 11, 23)
TONIGHT = "2026-11-23"
EARLIER = "2026-11-20"
GOOD, BAD = "a" * 40, "b" * 40
PLACE = Where(kernel="mainline", profile="sanitize", shape="default")


def night(**given: Any) -> Night:
    plain = {
        "id": TONIGHT,
        "began": "2026-11-23T00:30:00+00:00",
        "ended": "2026-11-23T05:12:00+00:00",
        "deadline": "2026-11-23T06:00:00+00:00",
        "host": "kvm1",
        "state": "finished",
    }
    return Night(**{**plain, **given})


def regression(number: int = 1, **given: Any) -> Regression:
    observation = Observation(night=TONIGHT, commit=BAD, hits=3, trials=3, runs=("20261123-0040-abc",))
    plain = {
        "kernel": "mainline",
        "title": "KASAN: slab-use-after-free Read in kvm_tdp_mmu_zap_all",
        "type": "KASAN",
        "standing": "confirmed",
        "open": True,
        "profiles": ("sanitize",),
        "shapes": ("default",),
        "workloads": ("vm-teardown",),
        "opened": TONIGHT,
        "first_seen": TONIGHT,
        "last_seen": TONIGHT,
        "good": GOOD,
        "bad": BAD,
        "run": "20261123-0040-abc",
        "console": "patched-1.log",
        "example": "BUG: KASAN: slab-use-after-free in kvm_tdp_mmu_zap_all+0x12/0x34\nRead of size 8",
        "observations": (observation,),
    }
    return Regression(number=number, **{**plain, **given})


def earlier(number: int = 1, **given: Any) -> Regression:
    """Return a regression that is open since a night before."""
    return regression(number, **{"opened": EARLIER, "first_seen": EARLIER, **given})


def fixed(number: int = 2, **given: Any) -> Regression:
    quiet = Observation(night=TONIGHT, commit=BAD, hits=0, trials=9, runs=())
    return earlier(
        number, open=False, closed=TONIGHT, last_seen="2026-11-22", title="WARNING in vmx_vcpu_run",
        observations=(quiet,), **given
    )  # fmt: skip


def trend(**given: Any) -> Trend:
    step = {"night": TONIGHT, "before": 400.0, "after": 412.0, "p_value": None, "good": GOOD, "bad": BAD, **given}
    measure = Measure(where=PLACE, workload="root-churn", name="pf_fixed", unit="", kind=MetricKind.EXACT)
    return Trend(measure=measure, points=(), changes=(ChangePoint(**step),))


def job(number: int = 1, **given: Any) -> Job:
    plain = {"kind": "stress", "where": PLACE, "workloads": ("vm-teardown",), "expected": 60.0, "state": "done"}
    return Job(night=TONIGHT, number=number, **{**plain, **given})


def health(quarantined: str = "", **given: Any) -> Health:
    plain = {
        "workload": "error-paths",
        "profile": "race",
        "flaky": 0.2,
        "why": "went both ways on one kernel in 2 of its last 7 nights: 3 of 15 outcomes",
        "returns": "5 nights in a row in which it runs and does not; so far 0" if quarantined else "",
    }
    return Health(quarantined=quarantined, **{**plain, **given})


def issue(**given: Any) -> KnownIssue:
    plain = {"title": "KASAN: *", "reason": "being worked on", "link": "https://example.org/1", "expires": "2027-01-31"}
    return KnownIssue.model_validate({**plain, **given})


def tip(**given: Any) -> Tip:
    plain = {"kernel": "mainline", "commit": BAD, "subject": "KVM: x86: do better", "base": "v6.1", "base_commit": GOOD}
    return Tip(night=TONIGHT, **{**plain, **given})


def quiet(**given: Any) -> News:
    return news(given.pop("night", night()), **{"today": TODAY, "tips": (tip(),), "jobs": (job(),), **given})


def busy() -> News:
    """Return news of every kind."""
    return quiet(
        before=(earlier(3, standing="suspected"), earlier(4)),
        after=(
            regression(1, culprit="b1b2b3b KVM: x86: do worse", odds=0.97, bisection="bis"),
            fixed(2),
            earlier(3, title="possible deadlock in kvm_mmu_unload"),
            earlier(4, title="BUG: soft lockup in kvm_vm_ioctl", culprit="c1c2c3c KVM: spin", bisection="bis-4"),
            regression(5, title="WARNING in kvm_put_kvm", standing="suspected", kernel="next"),
            regression(6, title="WARNING in old_thing", standing="old"),
            regression(7, title="BUG: unable to handle page fault in gone", first_seen="2026-10-01"),
        ),
        jobs=(job(), job(2, kind="bisect", run="bis-4"), job(3, state="failed", why="no space left on device")),
        trends=(trend(), trend(before=10.0, after=13.0, p_value=0.001)),
        healths_before=(health(EARLIER, workload="vm-teardown"),),
        healths_after=(health(TONIGHT), health(workload="vm-teardown")),
        issues=(issue(), issue(title="old*", expires="2026-11-01"), issue(title="soon*", expires="2026-11-25")),
        problems=("next: could not be fetched",),
    )
