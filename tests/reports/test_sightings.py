from hypothesis import given
from hypothesis import strategies as st

from rig.reports.sightings import sightings

WARNING = b"""\
[   12.000001][  T100] WARNING: CPU: 0 PID: 100 at arch/x86/kvm/x86.c:1005 %s+0x1c3/0x270
[   12.000002][  T100] CPU: 0 PID: 100 Comm: churn Not tainted 6.1.192 #1
[   12.000003][  T100] RIP: 0010:%s+0x1c3/0x270
[   12.000004][  T100] Call Trace:
[   12.000005][  T100]  <TASK>
[   12.000006][  T100]  kvm_mmu_zap_all+0x75/0x240
[   12.000007][  T100]  kvm_destroy_vm+0x10/0x20
[   12.000008][  T100]  </TASK>
"""


def begin(workload: bytes) -> bytes:
    return b"[   11.000000][   T90] rig: begin %s\n" % workload


def warning(function: bytes) -> bytes:
    return WARNING % (function, function)


def seen(console: bytes) -> list[tuple[str, str]]:
    return [(sighting.workload, sighting.report.title) for sighting in sightings([console])]


def test_each_report_stands_under_the_workload_before_it() -> None:
    console = warning(b"one") + begin(b"first") + warning(b"two") + begin(b"second") + warning(b"three")
    assert seen(console) == [("boot", "WARNING in one"), ("first", "WARNING in two"), ("second", "WARNING in three")]


def test_a_sighting_knows_when_its_workload_began() -> None:
    console = warning(b"one") + begin(b"first") + warning(b"two")
    assert [sighting.began for sighting in sightings([console])] == [None, 11.0]


def test_a_title_counts_once_under_each_workload() -> None:
    console = begin(b"first") + warning(b"one") * 3 + begin(b"second") + warning(b"one")
    assert seen(console) == [("first", "WARNING in one"), ("second", "WARNING in one")]


DEADLOCK = b"""\
[   13.000001][  T100] WARNING: possible circular locking dependency detected
[   13.000002][  T100] churn/100 is trying to acquire lock:
[   13.000003][  T100] ffff8881 (%s){+.+.}-{3:3}, at: one+0x10/0x20
[   13.000005][  T100] but task is already holding lock:
[   13.000006][  T100] ffff8882 (&vcpu->mutex){+.+.}-{3:3}, at: two+0x1/0x2
"""


def test_a_title_of_two_bugs_counts_twice() -> None:
    one, other = DEADLOCK % b"&kvm->lock", DEADLOCK % b"&kvm->slots_lock"
    assert seen(one + other + one) == [("boot", "possible deadlock in one")] * 2


def test_a_panic_that_follows_a_report_is_left_out() -> None:
    panic = b"[   13.000000][  T100] Kernel panic - not syncing: Fatal exception\n"
    assert seen(warning(b"one") + panic) == [("boot", "WARNING in one")]
    assert seen(panic) == [("boot", "kernel panic: Fatal exception")]


BUG = b"""\
[   13.000001][  T100] kernel BUG at mm/usercopy.c:84!
[   13.000002][  T100] invalid opcode: 0000 [#1] PREEMPT SMP KASAN
[   13.000003][  T100] RIP: 0010:usercopy_abort+0x7b/0x7d
[   13.000004][  T100] Call Trace:
[   13.000005][  T100]  __check_object_size+0x75/0x240
[   13.000006][  T100]  kvm_arch_vcpu_ioctl+0x10/0x20
[   13.000007][  T100]  </TASK>
"""


def test_the_trap_that_a_bug_is_made_of_is_left_out() -> None:
    assert seen(BUG) == [("boot", "BUG: bad usercopy in kvm_arch_vcpu_ioctl")]


LEAK = b"""\
[   13.000001][  T100] kmemleak: unreferenced object 0xffff888105c37720 (size 64):
[   13.000002][  T100] kmemleak:   backtrace:
[   13.000003][  T100] kmemleak:     [<00000000fdaaa836>] kvm_leaks+0x3d/0x50
[   13.000004][  T100] kmemleak:     [<00000000fdaaa837>] kvm_vm_ioctl+0x3d/0x50
"""
LEAKS = b"[   14.000001][  T100] kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n"


def test_the_sum_of_leaks_is_left_out_where_they_are_told() -> None:
    assert seen(LEAK + LEAKS) == [("boot", "memory leak in kvm_leaks")]
    assert seen(LEAKS) == [("boot", "kmemleak: new suspected memory leaks")]


def test_what_a_hung_guest_is_made_to_say_is_left_out() -> None:
    console = warning(b"one") + b"\nrig: gave up: silent for 90 s\n" + warning(b"two")
    assert seen(console) == [("boot", "WARNING in one")]


def test_an_empty_console_says_nothing() -> None:
    assert sightings([]) == sightings([b""]) == ()


@given(st.integers(1, 200))
def test_a_console_may_come_in_pieces(size: int) -> None:
    console = warning(b"one") + begin(b"first") + warning(b"two") + b"rig: gave up: it hung\n" + warning(b"three")
    pieces = [console[at : at + size] for at in range(0, len(console), size)]
    assert sightings(pieces) == sightings([console])
