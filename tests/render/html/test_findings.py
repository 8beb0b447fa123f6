from dataclasses import replace

from rig.model import FindingStatus
from rig.render.html import findings
from rig.render.html.consoles import pack
from rig.render.html.findings import Item
from rig.render.html.grid import keyed
from rig.render.html.patch import parse
from tests.render import made_up


def items() -> tuple[Item, ...]:
    run, raw = made_up.rich()
    packed = {key: pack(raw[each.console], each) for key, each in keyed(run)}
    return findings.items(run, packed, parse(run.patch))


def item(start: str) -> Item:
    return next(item for item in items() if item.finding.title.startswith(start))


def test_what_was_introduced_comes_first_and_the_compilers_words_not_at_all() -> None:
    new, inconclusive, both = FindingStatus.NEW, FindingStatus.INCONCLUSIVE, FindingStatus.BOTH
    assert [item.finding.status for item in items()] == [new, new, inconclusive, both]


def test_what_both_sides_saw_is_shown_of_both() -> None:
    seen = item("WARNING").seen
    assert [each.side for each in seen] == ["base", "patched"]
    assert [each.href for each in seen] == ["#t1:254", "#t4:284"]


def test_a_finding_under_another_title_is_found_by_it() -> None:
    run, _ = made_up.rich()
    finding = replace(run.comparison.findings[0], title="other", alt_titles=(made_up.KASAN,), console="")
    renamed = replace(run, comparison=replace(run.comparison, findings=(finding,)))
    (found,) = findings.items(renamed, {}, parse(""))
    assert [each.report.title for each in found.seen if each.report] == [made_up.KASAN]


def test_what_is_no_report_leads_to_where_its_workload_began() -> None:
    (seen,) = item("vm-teardown failed").seen
    assert (seen.report, seen.href, seen.text) == (None, "#t6:282", "hung: not done after 100 s")


def test_the_function_to_blame_stands_out_and_what_reports_it_stands_back() -> None:
    _, steps = item("KASAN").seen[0].stacks[0]
    assert [step.frame.function for step in steps if step.blamed] == ["kvm_tdp_mmu_zap_invalidated_roots"]
    assert [step.frame.function for step in steps if step.aside] == ["dump_stack_lvl", "print_report", "kasan_report"]


def test_lines_of_the_patch_know_the_findings_that_pass_there() -> None:
    shown = parse(made_up.rich()[0].patch)
    texts = {line.id: line.text.strip() for file in shown.files for line in file.lines}
    marked = {texts.get(name, name): [item.number for item in those] for name, those in findings.marks(items()).items()}
    assert marked == {
        "p1": [1],
        "/* Every vCPU is gone, and with the last of them its root went. */": [4],
        "WARN_ON(!list_empty(&kvm->arch.tdp_mmu_pages));": [4],
    }
