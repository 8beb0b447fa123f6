"""QEMU's command lines."""

from dataclasses import replace
from pathlib import Path

from rig.guest import qemu
from rig.model import Accel, Shape

TCG = Accel(name="tcg", reason="", time_scale=8)
KVM = Accel(name="kvm", reason="", time_scale=1)


def argv(accel: Accel = TCG, gdb: Path | None = None, console: str = "c") -> tuple[str, ...]:
    sockets = qemu.Sockets(monitor=Path("m"), console=Path(console), gdb=gdb)
    shape = Shape(vcpus=3, memory_mib=512)
    return qemu.argv(kernel=Path("k"), initrd=Path("i"), cmdline="a b", shape=shape, accel=accel, sockets=sockets)


def value(words: tuple[str, ...], option: str) -> str:
    return words[words.index(option) + 1]


def test_the_guest_has_its_shape_and_kernel() -> None:
    words = argv()
    assert [value(words, name) for name in ("-smp", "-m", "-kernel", "-append")] == ["3", "512M", "k", "a b"]


def test_the_probe_runs_as_guests_do() -> None:
    guest, probe = argv(KVM), qemu.probe_argv("kvm", Path("p"))
    for option in ("-M", "-accel", "-cpu"):
        assert value(guest, option) == value(probe, option)


def test_the_network_reaches_the_guest_from_loopback_only() -> None:
    assert value(argv(), "-netdev") == "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-10.0.2.15:22"


def test_a_comma_in_a_path_is_no_option() -> None:
    assert value(argv(console="a,b"), "-chardev").endswith(",path=a,,b")


def test_only_with_gdb_it_halts() -> None:
    assert "-S" not in argv()
    assert value(argv(gdb=Path("g")), "-gdb").startswith("unix:g,")


def test_virtual_time_counts_instructions() -> None:
    assert "-icount" not in argv()
    assert value(argv(Accel(name="tcg", reason="", time_scale=8, clock="virtual")), "-icount") == "shift=3,sleep=off"


def test_clock_hints_are_for_emulation() -> None:
    assert "tsc=reliable" in qemu.cmdline(TCG)
    assert "tsc=reliable" not in qemu.cmdline(KVM)


def test_guests_are_told_how_fast_their_clock_is_where_it_is_known() -> None:
    assert "tsc_early_khz" not in qemu.cmdline(TCG)
    assert "tsc_early_khz=2445000" in qemu.cmdline(replace(TCG, tsc_khz=2445000)).split()


def test_the_profiles_words_come_last_and_win() -> None:
    assert qemu.cmdline(KVM, "panic=5").endswith(" panic=5")


def test_people_without_a_rig_get_the_same_guest_on_their_terminal() -> None:
    words = qemu.by_hand(cmdline="a b", shape=Shape(vcpus=3, memory_mib=512), accel=TCG)
    for option in ("-M", "-accel", "-cpu", "-smp", "-m", "-append", "-sandbox"):
        assert value(words, option) == value(argv(), option)
    assert (value(words, "-serial"), words[-1]) == ("mon:stdio", "a b")
