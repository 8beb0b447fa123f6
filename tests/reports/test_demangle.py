import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.reports.demangle import demangle, demangle_line

NAMES = {
    # Rust v0: path, inherent impl, trait impl, closure, generic, compiler suffix
    "_RNvNtCs1234_7mycrate3mem4zero": "mycrate::mem::zero",
    "_RNvMs0_NtCshG_6driver4ringNtB5_4Ring4push": "<driver::ring::Ring>::push",
    "_RNvXs_Cs1_3drvNtB4_3DevNtCs2_4core4Drop4drop": "<drv::Dev as core::Drop>::drop",
    "_RNCNvC1a4main0": "a::main::{closure#0}",
    "_RINvNtC3std3mem8align_ofdE": "std::mem::align_of::<f64>",
    "_RNvC1a4main.llvm.123": "a::main.llvm.123",
    # Rust legacy: the hash goes
    "_ZN4core9panicking5panic17h0123456789abcdefE": "core::panicking::panic",
    "_ZN4core3ptr4drop17h0123456789abcdefE.isra.0": "core::ptr::drop.isra.0",
    "_ZN33_$LT$Ring$u20$as$u20$foo..Bar$GT$3bar17h0123456789abcdefE": "<Ring as foo::Bar>::bar",
    # C++: parameters go
    "_ZN3foo3BarIiE3bazEv": "foo::Bar<int>::baz",
    "_Z4spinv.cold": "spin.cold",
    "_ZN5mdict8UserDictC2ERKS0_": "mdict::UserDict::UserDict",
    # none of them
    "_Return": "_Return",
    "_Z": "_Z",
    "_R": "_R",
    "_RNvC1": "_RNvC1",
    "kvm_mmu_zap": "kvm_mmu_zap",
    "_ZN3fooXE": "_ZN3fooXE",
    "": "",
}


@pytest.mark.parametrize(("mangled", "plain"), NAMES.items())
def test_a_name_as_its_source_has_it(mangled: str, plain: str) -> None:
    assert demangle(mangled) == plain


def test_names_in_a_line() -> None:
    line = " ? _RNvNtCs1234_7mycrate3mem4zero+0x12/0x34 [mycrate] from _ZN3foo3barEv.cold+0x1/0x2"
    assert demangle_line(line) == " ? mycrate::mem::zero+0x12/0x34 [mycrate] from foo::bar.cold+0x1/0x2"


def test_what_only_looks_mangled_is_left_alone() -> None:
    for line in ("__cfi__RNvC1a4main+0x1/0x2", "MY_RETRY _Z _R _REG", "a._RNvC1a4main"):
        assert demangle_line(line) == line


@given(st.text() | st.text(alphabet="_RZNvCMXIBSTKE0123456789ahs.$", max_size=200).map(lambda name: "_R" + name))
def test_anything_is_survived(line: str) -> None:
    demangle(line)
    demangle_line(line)
    demangle(line.replace("_R", "_Z", 1))


def doubling(levels: int) -> str:
    """A C++ name with template arguments of which each says the one before it twice."""
    digits = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "_Z1fI1AIiiE" + "".join(f"S0_IS{digits[n]}_S{digits[n]}_E" for n in range(levels)) + "Evv"


def test_a_name_that_explodes_is_left_alone() -> None:
    assert demangle(doubling(1)) == "f<A<int, int>, A<A<int, int>, A<int, int>>>"
    assert demangle(doubling(30)) == doubling(30)


@pytest.mark.parametrize("piece", ["_R", "_ZN1a", "_RNvC1a4main ", "_ZP", "17h0123456789abcdefE_Z", "P"])
def test_cost_is_linear(piece: str) -> None:
    def seconds(count: int) -> float:
        line = "_Z" + piece * count
        began = time.process_time()
        demangle_line(line)
        return time.process_time() - began

    seconds(10)
    small = min(seconds(2_000) for _ in range(3))
    assert min(seconds(20_000) for _ in range(3)) < 60 * max(small, 1e-4)
