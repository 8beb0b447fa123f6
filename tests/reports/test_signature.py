import pytest

from rig.model import Access, Frame, Lock, Report, Trace
from rig.reports import signature, titles
from rig.reports.parse import parse
from rig.reports.signature import contradict, keys
from tests.reports.logs import KASAN, console

SYSCALL = ("kvm_vm_ioctl", "__x64_sys_ioctl", "do_syscall_64", "entry_SYSCALL_64_after_hwframe")
WATCHDOG = ("rcu_sched_clock_irq", "tick_sched_timer", "asm_sysvec_apic_timer_interrupt")


def same(one: Report, other: Report) -> bool:
    return not keys(one).isdisjoint(keys(other)) and not contradict(one, other)


def stack(*names: str, what: str = "Call Trace") -> Trace:
    return Trace(what=what, frames=tuple(Frame(function=name) for name in names))


def report(title: str, *names: str, alias: str = "", locks: tuple[Lock, ...] = ()) -> Report:
    frame = titles.frame(title)
    aliases = (f"{alias} in {frame}",) if alias else ()
    return Report(title=title, alt_titles=aliases, frame=frame, traces=(stack(*names),) if names else (), locks=locks)


def soft(*names: str, frame: str = "kvm_vm_ioctl") -> Report:
    return report(f"BUG: soft lockup in {frame}", *names, *SYSCALL, alias="stall")


def rcu(*names: str, frame: str = "corrupted") -> Report:
    return report(f"INFO: rcu detected stall in {frame}", *names, *SYSCALL, alias="stall")


def deadlock(*locks: tuple[str, str], frame: str = "f") -> Report:
    return report(f"possible deadlock in {frame}", locks=tuple(Lock(name=name, site=site) for name, site in locks))


def test_reports_with_a_title_in_common_are_the_same_bug() -> None:
    oob = report("KASAN: slab-out-of-bounds Read in f", alias="bad-access")
    fault = report("BUG: unable to handle kernel paging request in f", alias="bad-access")
    other = report("BUG: unable to handle kernel paging request in g", alias="bad-access")
    assert same(oob, fault)
    assert not same(fault, other)
    assert signature.titles(oob) == {"KASAN: slab-out-of-bounds Read in f", "bad-access in f"}


def test_a_spin_is_one_bug_wherever_a_cpu_was_seen_in_it() -> None:
    seen = soft("iter_next", "zap_range", "kvm_zap_all", "kvm_destroy", frame="kvm_destroy")
    again = rcu(*WATCHDOG, "set_spte", "clear_spte", "zap_range", "kvm_zap_all", "kvm_destroy")
    assert same(seen, again)


def test_stalls_that_only_came_the_same_way_in_are_different_bugs() -> None:
    assert not same(soft("a", "b", "c", "kvm_set_region"), soft("d", "e", "kvm_irq_line"))
    assert not same(rcu("zap", frame="zap"), soft("fill"))
    assert not same(soft("x", frame="x"), soft("y", frame="y"))


def test_a_vcpu_that_runs_is_no_path_in_common() -> None:
    run = ("svm_invoke_exit_handler", "svm_handle_exit", "vcpu_enter_guest", "vcpu_run", "kvm_arch_vcpu_ioctl_run")
    assert not same(soft("one_handler", *run, frame="one"), rcu("other_handler", *run))


def test_stalls_with_a_telling_title_in_common_are_the_same_bug() -> None:
    assert same(soft("a", "zap", frame="zap"), soft("b", "other", frame="zap"))


def test_a_title_without_a_name_is_no_evidence_against_the_stacks() -> None:
    assert not same(rcu("a", "one"), rcu("a", "other"))
    assert same(rcu("a", "one"), rcu("one"))
    assert same(rcu(), rcu("one"))


def test_an_operation_says_nothing_only_where_it_was_dispatched() -> None:
    read = report("BUG: soft lockup in dev_read", "spin", "kvm_bus_read", "dev_read", "vfs_read", alias="stall")
    assert signature.signature(read) == "stall: spin < kvm_bus_read"


def test_an_alias_without_a_name_connects_nothing() -> None:
    assert not same(
        report("KASAN: use-after-free Read in corrupted", alias="bad-access"),
        report("general protection fault in corrupted", alias="bad-access"),
    )


def test_one_access_is_recognised_below_its_helpers() -> None:
    kasan = report("KASAN: use-after-free Read in f", "kasan_report", "__lock_acquire", "f", "g", alias="bad-access")
    fault = report("general protection fault in corrupted", "_raw_spin_lock", "f", "g", alias="bad-access")
    other = report("general protection fault in corrupted", "_raw_spin_lock", "h", "g", alias="bad-access")
    assert same(kasan, fault)
    assert not same(kasan, other)


def test_a_warning_is_no_access() -> None:
    assert not same(report("WARNING in f", "f", "g"), report("KASAN: use-after-free Read in h", "f", "g"))


def test_deadlocks_between_different_locks_differ_under_one_title() -> None:
    one, other = deadlock(("a", "f"), ("b", "f")), deadlock(("a", "f"), ("c", "f"))
    assert contradict(one, other)
    assert not same(one, other)
    assert same(one, deadlock(("a", "f"), ("b", "f"), ("c", "g")))  # seen with a longer chain


def test_corrupted_objects_of_other_caches_are_other_bugs() -> None:
    def corrupted(cache: str) -> Report:
        return Report(title="BUG kmalloc-NUM: Poison overwritten", access=Access(kind="write", cache=cache))

    assert same(corrupted("kmalloc-64"), corrupted("kmalloc-64"))
    assert not same(corrupted("kmalloc-64"), corrupted("kmalloc-96"))


def test_a_deadlock_is_one_bug_whoever_comes_second() -> None:
    one = deadlock(("a", "put"), ("b", "put"), ("b", "get"), frame="put")
    other = deadlock(("b#2", "get"), ("a", "get"), ("a", "put"), frame="get")
    elsewhere = deadlock(("a", "x"), ("b", "x"), ("b", "y"), frame="x")
    assert same(one, other)
    assert not same(one, elsewhere)


def test_a_task_is_known_by_what_it_did_when_it_was_preempted() -> None:
    entry = ("__schedule", "preempt_schedule_irq", "raw_irqentry_exit_cond_resched", "asm_sysvec_apic_timer_interrupt")
    assert signature.signature(rcu(*entry, "spin", "reader")) == "stall: spin < reader"


def test_whom_an_interrupt_came_to_says_nothing() -> None:
    found = report("KASAN: use-after-free Read in tick", "tick", "call_timer_fn", "do_idle", alias="bad-access")
    assert signature.signature(found) == "access: tick"


def test_the_stack_of_an_idle_cpu_says_nothing() -> None:
    idle, spun = stack("default_idle", "do_idle", "start_secondary"), stack("zap", "kvm_zap_all", *SYSCALL)
    stalled = Report(title="x", alt_titles=("stall in x",), traces=(idle, spun))
    assert signature.signature(stalled) == "stall: zap < kvm_zap_all"


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (soft("a", "b", "c", "d"), "stall: b < c < d"),
        (report("WARNING in f", "__warn", "f.isra.0", "__pfx_g", "h", "i"), "WARNING: f < g < h"),
        (report("WARNING in f", "own_helper", "f", "g"), "WARNING: f < g"),
        (deadlock(("b#3", "f"), ("a/1", "f")), "possible deadlock: a/1, b"),
        (
            report("WARNING: lock held when returning to user space in f", locks=(Lock(name="a", held=True),)),
            "WARNING: lock held when returning to user space: a",
        ),
        (report("memory leak in f", "f", *SYSCALL), "memory leak: f"),
        (report("WARNING in f"), ""),
    ],
)
def test_signatures(one: Report, told: str) -> None:
    assert signature.signature(one) == told


def test_the_signature_of_a_log() -> None:
    (found,) = parse(console(KASAN))
    assert found.signature == "access: kvm_page_put < kvm_vm_release"
    assert found.title in keys(found)
