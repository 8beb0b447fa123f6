"""What holds for every log, whatever is in it."""

from hypothesis import given
from hypothesis import strategies as st

from rig.model import Access, Report
from rig.reports import openings
from rig.reports.parse import parse
from tests.reports.logs import KASAN, QUIET, WARNING, console

LOCKS = """
    WARNING: possible circular locking dependency detected
    churn/101 is trying to acquire lock:
    ffff8881 (&(kvm)->lock){+.+.}-{3:3}, at: kvm_culprit+0x10/0x20
    but task is already holding lock:
    ffff8882 (&vcpu->mutex/1){+.+.}-{3:3}, at: kvm_vcpu_ioctl+0x1/0x2
    -> #1 (&vcpu->mutex/1){+.+.}-{3:3}:
           lock_acquire+0x1/0x2
    2 locks held by churn/101:
     #0: ffff8882 (&vcpu->mutex/1){+.+.}-{3:3}, at: kvm_vcpu_ioctl+0x1/0x2
"""
PIECES = st.sampled_from(
    [
        *(header.encode() for group in openings.GROUPS for header in group.headers),
        *console(LOCKS).splitlines(keepends=True),
        *console(WARNING).splitlines(keepends=True),
        *console(KASAN, "C0").splitlines(keepends=True),
        *console(KASAN, "-").splitlines(keepends=True),
        b"[   12.000000][  T101] Sending NMI from CPU 0 to CPUs 1:\n",
        b"** replaying previous printk message **\n",
        b"\n",
        b"\r\n",
        b"\0",
        b"\xff\xfe",
        b"\x1b[2J",
        b" login: ",
    ]
)
LOG = console(WARNING) + QUIET + console(KASAN, "C0")


def titles(log: bytes) -> list[str]:
    return [report.title for report in parse(log)]


def test_a_clean_log_has_no_report() -> None:
    assert parse(QUIET) == parse(b"") == ()


def test_all_reports_of_a_log_in_order() -> None:
    assert titles(LOG) == ["WARNING in kvm_mmu_sweep", "KASAN: use-after-free Read in kvm_page_put"]


def test_all_fields() -> None:
    log = QUIET + console(KASAN.replace("Comm: churn", "Comm: syz.3.14"))
    panic = console("Kernel panic - not syncing: panic_on_warn set ...")
    report = parse(log + panic)[0]
    assert report == Report(
        title="KASAN: use-after-free Read in kvm_page_put",
        alt_titles=("bad-access in kvm_page_put",),
        type="KASAN-USE-AFTER-FREE-READ",
        frame="kvm_page_put",
        panicked=True,
        executor="proc=3, id=14",
        context="T101",
        start=log.index(b"[   12.001000][  T101] BUG: KASAN"),
        end=len(log + panic) - 1,
        text=report.text,
        lead=1,
        traces=report.traces,
        access=Access(kind="read", size=8, address="ffff88800d1f2a10", task="churn/101"),
        signature="access: kvm_page_put < kvm_vm_release",
    )
    assert report.text.startswith("=====")
    assert [trace.what for trace in report.traces] == ["Call Trace", "Allocated by task 101", "Freed by task 102"]


def test_trouble_of_the_test_suppresses() -> None:
    oom = console("Out of memory: Killed process 12 (sshd) total-vm:1kB", "T9")
    assert [report.suppressed for report in parse(LOG + oom)] == [True, True]


def test_system_calls_are_known_by_all_their_names() -> None:
    hung = "INFO: task churn:1 blocked for more than 143 seconds.\n"
    trace = "Call Trace:\n __schedule+0x1/0x2\n __x64_sys_futex+0x1/0x2\n do_syscall_64+0x1/0x2\n"
    report = parse(console(hung + trace))[0]
    assert report.title == "INFO: task hung in sys_futex"
    assert set(report.alt_titles) == {
        "INFO: task hung in __x64_sys_futex",
        "hang in sys_futex",
        "hang in __x64_sys_futex",
    }


@given(st.binary())
def test_any_bytes_will_do(log: bytes) -> None:
    parse(log)


@given(st.lists(PIECES, max_size=60).map(b"".join))
def test_any_mixture_of_reports_will_do(log: bytes) -> None:
    for report in parse(log):
        assert 0 <= report.start < report.end <= len(log)


@given(st.integers(0, len(LOG)), st.integers(0, len(LOG)))
def test_a_log_may_be_cut_anywhere(start: int, end: int) -> None:
    parse(LOG[start:end])


def test_carriage_returns_change_nothing_but_positions() -> None:
    for one, other in zip(parse(LOG), parse(LOG.replace(b"\n", b"\r\n")), strict=True):
        assert (one.title, one.frame, one.corrupted, one.text) == (
            other.title,
            other.frame,
            other.corrupted,
            other.text,
        )


@given(st.lists(st.sampled_from(QUIET.splitlines(keepends=True)), max_size=80).map(b"".join))
def test_quiet_lines_around_a_report_change_nothing(quiet: bytes) -> None:
    assert titles(quiet + LOG + quiet) == titles(LOG)


def test_a_report_is_found_again_from_its_start() -> None:
    for report in parse(LOG):
        assert parse(LOG[report.start :])[0].title == report.title


def test_a_header_deep_in_a_huge_line_is_found() -> None:
    assert titles(b"x" * 1_000_000 + b"BUG: Bad rss-counter state mm:1") == ["BUG: Bad rss-counter state"]


def test_hostile_lines_come_to_an_end() -> None:
    words = [b"WARNING: mm/.c at ", b"status: 0 badaddr: 0 ", b"Out of memory: Kill process ", b"a.", b"[<", b"+0x"]
    words += [b" ", b"-> #1 (", b"){", b"kfence-#1: size=", b"usercopy: Kernel memory exposure '", b"BUG x (Tainted: "]
    words += [b"mce: [Hardware Error]: ", b"read to 0x of ", b"Oops: [#", b" lock held by ", b"_RNv", b"hard LOCKUP"]
    for word in words:
        parse(b"WARNING: suspicious RCU usage\n" + word * 50_000 + b"\n" + (word * 100 + b"\n") * 50)
