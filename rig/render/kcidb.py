"""A run as a report to KCIDB, the kernel's database of test results (schema 5.3). No I/O.

Checkout and build of each side, a test for each boot, workload and test of a workload, an issue for each finding and an
incident for each time it was seen, on either side. Nothing has an address: the files stay with the run.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rig.model import BuildFailure, Case, Environment, Finding, Kernel, Outcome, Run, Status, Trial
from rig.render import excerpt, wording
from rig.render.escape import printable
from rig.reports.sightings import BOOT
from rig.symptoms import symptoms

VERSION = {"major": 5, "minor": 3}
MOST = 16384  # characters of an excerpt
_SHA1 = re.compile(r"[0-9a-f]{40}")
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]+")  # for a part of a test's path

Object = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ids:
    """The ids of a run's objects, each unique among all that come from this origin."""

    origin: str
    run: str

    def of(self, *parts: object) -> str:
        return ":".join((self.origin, self.run, *map(str, parts)))

    def named(self, finding: Finding) -> str:
        """The same issue has the same id in every run."""
        digest = hashlib.sha256(printable(f"{finding.type} {finding.title}").encode()).hexdigest()
        return f"{self.origin}:{digest[:24]}"

    def test(self, trial: Trial, *parts: str) -> str:
        return self.of(trial.side, trial.index, *parts)


def to_json(run: Run, origin: str) -> str:
    """Return the report as indented JSON. `origin` is the name that KCIDB knows the sender by."""
    return json.dumps(report(run, origin), indent=2) + "\n"


def report(run: Run, origin: str) -> Object:
    """Return what is to be submitted."""
    ids = _Ids(origin=origin, run=run.id)
    kernels = [(side, kernel) for side, kernel in (("base", run.base), ("patched", run.patched)) if kernel]
    findings = run.comparison.findings
    incidents = [each for finding in findings for each in _incidents(finding, run, ids)]
    faulty = frozenset(each["test_id"] for each in incidents if "test_id" in each)
    return {
        "version": VERSION,
        "checkouts": [_checkout(side, kernel, run, ids) for side, kernel in kernels],
        "builds": [_build(side, kernel, run, ids) for side, kernel in kernels],
        "tests": [test for trial in run.trials for test in _tests(trial, run, ids, faulty)],
        "issues": [_issue(finding, ids) for finding in findings],
        "incidents": incidents,
    }


# ---- kernels


def _checkout(side: str, kernel: Kernel | BuildFailure, run: Run, ids: _Ids) -> Object:
    return {
        "id": ids.of(side),
        "origin": ids.origin,
        "comment": wording.one_line(kernel.name),
        "start_time": run.began,
        "valid": True,
        **(_origin(kernel) if isinstance(kernel, Kernel) else {}),
    }


def _origin(kernel: Kernel) -> Object:
    """Return where the source is from, as far as KCIDB has words for it: a commit, its repository, patches."""
    told: Object = {"misc": {"tree": kernel.tree}}
    if source := kernel.source:
        told["misc"]["source"] = f"{source.kind} {source.location} {source.rev}".strip()
        told["patchset_hash"] = _patchset(kernel.patches)
    if _SHA1.fullmatch(kernel.commit):
        told["git_commit_hash"] = kernel.commit
    if source and source.kind == "git" and source.location.startswith("https://"):
        told["git_repository_url"] = source.location
    return told


def _patchset(digests: tuple[str, ...]) -> str:
    """Return the digest over the digests of patches, "" for none; what `sha256sum *.patch` gives, summed again."""
    return hashlib.sha256("".join(f"{each}\n" for each in digests).encode()).hexdigest() if digests else ""


def _build(side: str, kernel: Kernel | BuildFailure, run: Run, ids: _Ids) -> Object:
    told: Object = {
        "id": ids.of(side),
        "checkout_id": ids.of(side),
        "origin": ids.origin,
        "comment": wording.one_line(kernel.name),
        "architecture": "x86_64",
        "config_name": kernel.profile,
        "duration": kernel.seconds,
        "start_time": run.began,
    }
    if isinstance(kernel, BuildFailure):
        return {**told, "status": "FAIL", "log_excerpt": _excerpt("\n".join(kernel.errors))}
    if kernel.compiler:
        told["compiler"] = kernel.compiler
    misc = {"release": kernel.release, "config": kernel.config_digest, "digest": kernel.digest}
    return {**told, "status": "PASS", "misc": misc}


# ---- tests


def _tests(trial: Trial, run: Run, ids: _Ids, faulty: frozenset[str]) -> Iterator[Object]:
    """Yield the tests of a boot. One that did its work while the kernel complained has failed, as KCIDB sees it."""
    boot = Status.PASS if trial.ready_seconds or trial.outcomes else Status.FAIL
    shared = {"build_id": ids.of(trial.side), "origin": ids.origin, "environment": _environment(run.environment)}
    for told in (_boot(trial, boot, ids), *_outcomes(trial, ids)):
        failed = told["id"] in faulty and told["status"] == Status.PASS
        yield {**shared, **_times(trial, run), **told, **({"status": "FAIL"} if failed else {})}


def _times(trial: Trial, run: Run) -> Object:
    """Return when a trial began; runs of an earlier version did not keep that."""
    began = datetime.fromisoformat(run.began) + timedelta(seconds=trial.began)
    return {"start_time": began.isoformat(timespec="seconds")} if trial.began else {}


def _boot(trial: Trial, status: Status, ids: _Ids) -> Object:
    told = _test(ids.test(trial, BOOT), BOOT, status, trial.ready_seconds or trial.seconds)
    if status is Status.FAIL:
        told["log_excerpt"] = _excerpt("\n".join((trial.end_reason, *_reports(trial, BOOT))))
    return {**told, "misc": {"end": trial.end, "end_reason": printable(trial.end_reason), "console": trial.console}}


def _outcomes(trial: Trial, ids: _Ids) -> Iterator[Object]:
    for outcome in trial.outcomes:
        name = _part(outcome.workload)
        told = _test(ids.test(trial, outcome.workload), f"rig.{name}", outcome.status, outcome.seconds)
        evidence = "\n".join(filter(None, (*_reports(trial, outcome.workload), outcome.reason, outcome.output)))
        yield {**told, "log_excerpt": _excerpt(evidence), "misc": _measured(outcome)}
        for case in outcome.cases:
            yield _case(case, trial, outcome, ids)


def _case(case: Case, trial: Trial, outcome: Outcome, ids: _Ids) -> Object:
    path = f"rig.{_part(outcome.workload)}.{_part(case.name)}"
    told = _test(ids.test(trial, outcome.workload, printable(case.name)), path, case.status, case.seconds)
    return {**told, "comment": wording.one_line(case.name), "log_excerpt": _excerpt(case.reason)}


def _test(name: str, path: str, status: Status, seconds: float) -> Object:
    return {"id": name, "path": path, "status": status.value, "duration": round(seconds, 3)}


def _measured(outcome: Outcome) -> Object:
    counts = {"iterations": outcome.iterations, "l2_entries": outcome.l2_entries, "reason": printable(outcome.reason)}
    return {**counts, "metrics": {printable(metric.name): metric.value for metric in outcome.metrics}}


def _reports(trial: Trial, workload: str) -> Iterable[str]:
    return (each.report.text for each in trial.sightings if each.workload == workload)


def _environment(environment: Environment) -> Object:
    guest = f"QEMU guest: {wording.guest(environment)}, {environment.accel}"
    kept = ("accel", "qemu", "cpu", "image", "profile", "seed", "threads")
    return {"comment": guest, "misc": {name: getattr(environment, name) for name in kept}}


def _part(name: str) -> str:
    """Return `name` as a part of a test's path."""
    return _UNFIT.sub("_", name).strip("_") or "test"


def _excerpt(text: str) -> str:
    """Return the beginning of `text`, where a report says what is wrong."""
    return printable(text)[:MOST]


# ---- findings


def _issue(finding: Finding, ids: _Ids) -> Object:
    by_tool = finding.type == "WORKLOAD"  # the test itself may be what is wrong
    titles = [wording.one_line(title) for title in finding.alt_titles]
    return {
        "id": ids.named(finding),
        "version": 1,
        "origin": ids.origin,
        "report_subject": wording.one_line(finding.title),
        "comment": wording.one_line(f"{finding.status}: {finding.explanation}"),
        "culprit": {"code": True, "tool": by_tool, "harness": False},
        "misc": {"type": finding.type, "status": finding.status, "titles": titles, "place": excerpt.where(finding)},
    }


def _incidents(finding: Finding, run: Run, ids: _Ids) -> Iterator[Object]:
    titles = {finding.title, *finding.alt_titles}
    for side, count in (("base", finding.base), ("patched", finding.patched)):
        if finding.workload == excerpt.BUILD and count.hits:
            yield _incident(finding, ids, f"{side}:build", build_id=ids.of(side))
    for trial in run.trials:
        workloads = (each.workload for each in symptoms(trial) if titles & {each.title, *each.titles})
        for workload in dict.fromkeys(workloads):
            test = ids.test(trial, workload)
            yield _incident(finding, ids, f"{trial.side}:{trial.index}:{workload}", test_id=test)


def _incident(finding: Finding, ids: _Ids, where: str, **about: str) -> Object:
    issue = ids.named(finding)
    return {
        "id": ids.of(where, issue.rpartition(":")[2]),
        "origin": ids.origin,
        "issue_id": issue,
        "issue_version": 1,
        "present": True,
        **about,
    }
