"""Which workloads and profiles changed files call for."""

import pytest

from rig import plan, reach
from rig.errors import InputError
from rig.reach import Rule

MMU = Rule(paths=("arch/x86/kvm/mmu/*",), workloads=("churn", "roots"), profiles=("race",), why="page tables")
KVM = Rule(paths=("arch/x86/kvm/*", "virt/kvm/*.c"), workloads=("roots", "teardown"), profiles=("race",), why="KVM")
TEXT = Rule(paths=("Documentation/*",), workloads=(), profiles=(), why="not in a kernel")
RULES = (TEXT, MMU, KVM)


def test_the_first_rule_of_a_file_counts() -> None:
    assert reach.of(["arch/x86/kvm/mmu/mmu.c"], RULES).workloads == ("churn", "roots")


def test_several_files_call_for_all_that_any_of_them_does_once() -> None:
    found = reach.of(["virt/kvm/kvm_main.c", "arch/x86/kvm/mmu/spte.c", "virt/kvm/eventfd.c"], RULES)
    assert (found.workloads, found.profiles) == (("roots", "teardown", "churn"), ("race",))
    assert found.why == ("roots, teardown: KVM", "churn, roots: page tables")


def test_what_no_guest_runs_calls_for_nothing_and_says_why() -> None:
    found = reach.of(["Documentation/virt/kvm/api.rst"], RULES)
    assert (found.workloads, found.why) == ((), ("nothing to run: not in a kernel",))


def test_a_file_that_no_rule_knows_calls_for_nothing() -> None:
    assert reach.of(["mm/slub.c"], RULES).workloads == ()


@pytest.mark.parametrize(
    ("file", "workload"),
    [
        ("arch/x86/kvm/mmu/tdp_mmu.c", "memslot-churn"),
        ("arch/x86/kvm/hyperv.c", "root-churn"),
        ("virt/kvm/eventfd.c", "vm-teardown"),
        ("kernel/sched/core.c", "memslot-churn"),
    ],
)
def test_the_shipped_table_knows_every_place(file: str, workload: str) -> None:
    assert workload in reach.of([file], plan.reach_rules()).workloads


def test_the_shipped_table_boots_nothing_for_documentation() -> None:
    assert not reach.of(["Documentation/virt/kvm/locking.rst", "MAINTAINERS"], plan.reach_rules()).workloads


def test_a_wrong_table_is_told_with_its_file_and_field() -> None:
    with pytest.raises(InputError, match=r"reach.yaml: rules\.0\.why"):
        reach.load("rules: [{paths: [a], workloads: []}]", "reach.yaml")
