"""A run as JUnit XML, as GitLab, Jenkins and GitHub's actions show it. No I/O.

Failures are what the patch introduced, errors what could not be decided, skipped what says nothing about the patch;
see rig.render.results.
"""

from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as Xml

from rig.model import Run
from rig.render import results, wording
from rig.render.results import Result, State, Suite

_ELEMENTS = {State.FAILED: "failure", State.BROKEN: "error", State.SKIPPED: "skipped"}
_ATTACHMENT = "[[ATTACHMENT|"  # GitLab and Jenkins take the path behind it for a file of the job's


def to_xml(run: Run) -> str:
    """Return the test suites of `run`: verdict, findings, then one for each side and workload."""
    root = Xml.Element("testsuites", name=f"rig {run.id}")
    for suite in results.suites(run):
        root.append(_suite(suite, run))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.attrib[key]) for suite in root)))
    root.set("time", f"{run.seconds:.3f}")
    Xml.indent(root)
    text = Xml.tostring(root, encoding="unicode").replace(_ATTACHMENT, "[ [ATTACHMENT|")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(suite: Suite, run: Run) -> Xml.Element:
    name = suite.group if suite.group == suite.name else f"{suite.group}: {suite.name}"
    cases = tuple(flat for result in suite.results for flat in _flat(result))
    element = Xml.Element(
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=_number(cases, State.FAILED),
        errors=_number(cases, State.BROKEN),
        skipped=_number(cases, State.SKIPPED),
        time=f"{sum(each.seconds for each in suite.results):.3f}",
        timestamp=run.began[:19],
        hostname=run.environment.host.partition(" ")[0],
    )
    if suite.group == "verdict":
        element.append(_properties(run))
    element.extend(_case(each, suite) for each in cases)
    return element


def _flat(result: Result) -> Iterator[Result]:
    """Yield a result and those it consists of, which go by its name and theirs."""
    yield result
    for inner in result.inner:
        for each in _flat(inner):
            yield replace(each, name=f"{result.name}: {each.name}")


def _number(cases: tuple[Result, ...], state: State) -> str:
    return str(sum(each.state is state for each in cases))


def _case(result: Result, suite: Suite) -> Xml.Element:
    # Viewers make a tree of classname at its dots.
    classname = ".".join(dict.fromkeys(("rig", suite.group, suite.name.replace(".", "_"))))
    element = Xml.Element("testcase", classname=classname, name=result.name, time=f"{result.seconds:.3f}")
    text = result.text
    if tag := _ELEMENTS.get(result.state):
        told = Xml.SubElement(element, tag, message=result.reason)
        told.text = text if result.state is not State.SKIPPED else None
    if text and result.state in (State.PASSED, State.SKIPPED):
        Xml.SubElement(element, "system-out").text = "\n".join(filter(None, (result.reason, text)))
    return element


def _properties(run: Run) -> Xml.Element:
    environment = run.environment
    told = {
        "run": run.id,
        "command": wording.again(run),
        "profile": environment.profile,
        "accel": environment.accel,
        "qemu": environment.qemu,
        "compiler": environment.compiler,
        "guest": wording.guest(environment),
    }
    element = Xml.Element("properties")
    for name, value in told.items():
        if value:
            Xml.SubElement(element, "property", name=name, value=wording.one_line(value))
    return element
