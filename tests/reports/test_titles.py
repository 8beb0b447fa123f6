import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.reports import titles
from rig.reports.types import type_of


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        ("task syz-executor.3/1234 died", "task syz-executor died"),
        ("at ffff88800d1f2a10 of 0xdeadbeef", "at ADDR of ADDR"),
        ("from 10.0.2.15 came", "from IP came"),
        ("in arch/x86/kvm/mmu.c:1234!", "in arch/x86/kvm/mmu.c:LINE!"),
        ("kvm_put+0x1f/0x2e left", "kvm_put left"),
        ("on CPU#3 and CPU#1", "on CPU and CPU"),
        ("wait 5 6 7 seconds (8) 9", "wait NUM NUM NUM seconds (NUM) NUM"),
        ("x12345678y", "xNUMy"),
        ("nr_2 of type4", "nr_2 of type4"),
        ("a\tb \x1b[31m  c\0é", "a b [31m c"),
        ("  trim  ", "trim"),
    ],
)
def test_clean(raw: str, title: str) -> None:
    assert titles.clean(raw) == title


@given(st.text())
def test_clean_titles_are_short_and_plain(raw: str) -> None:
    title = titles.clean(raw)
    assert len(title) <= titles.LONGEST
    assert title.isascii()
    assert title.isprintable()


@pytest.mark.parametrize(
    ("title", "frame"),
    [
        ("KASAN: use-after-free Read in kvm_put", "kvm_put"),
        ("WARNING in kvm_put/usb_submit_urb", "kvm_put"),
        ("BUG: using this() in preemptible code in kvm_put", "kvm_put"),
        ("overflow in <kvm::Page>::put", "<kvm::Page>::put"),
        ("kernel panic: Attempted to kill init!", None),
    ],
)
def test_frame(title: str, frame: str | None) -> None:
    assert titles.frame(title) == frame


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("KASAN: slab-use-after-free Write in x", "KASAN-USE-AFTER-FREE-WRITE"),
        ("KASAN: null-ptr-deref Read in x", "KASAN-NULL-POINTER-DEREFERENCE-READ"),
        ("KASAN: vmalloc-out-of-bounds Write in x", "KASAN-WRITE"),
        ("KASAN: something new in x", "KASAN-UNKNOWN"),
        ("KFENCE: out-of-bounds read in x", "KFENCE-READ"),
        ("KMSAN: kernel-infoleak in x", "KMSAN-INFO-LEAK"),
        ("WARNING: kernel stack regs has bad 'sp' value", ""),
        ("WARNING: ODEBUG bug in x", "WARNING"),
        ("BUG: soft lockup in x", "HANG"),
        ("BUG: anything", ""),
        ("kernel panic: Hard LOCKUP", "DoS"),
        ("INFO: suspicious RCU usage in x", ""),
        ("unheard of", ""),
    ],
)
def test_type(title: str, kind: str) -> None:
    assert type_of(title) == kind
