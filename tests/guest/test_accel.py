"""Which acceleration is chosen, and what a probe's end means."""

import pytest

from rig.errors import HostError, InputError
from rig.guest import accel
from rig.guest.accel import Name, Probe
from rig.proc import Done


def answering(**reasons: str) -> Probe:
    async def probe(name: Name) -> str:
        return reasons[name]

    return probe


async def test_kvm_is_taken_where_it_works() -> None:
    found = await accel.find("auto", probe=answering(kvm=""))
    assert (found.name, found.time_scale) == ("kvm", 1.0)


async def test_auto_falls_back_to_emulation_and_says_why() -> None:
    found = await accel.find("auto", probe=answering(kvm="QEMU aborts", tcg=""))
    assert (found.name, found.reason) == ("tcg", "KVM does not work here: QEMU aborts")
    assert found.time_scale > 1


async def test_kvm_that_was_asked_for_is_not_replaced() -> None:
    with pytest.raises(HostError, match="there is no /dev/kvm"):
        await accel.find("kvm", probe=answering(kvm="there is no /dev/kvm"))


async def test_emulation_that_was_asked_for_does_not_look_at_kvm() -> None:
    assert (await accel.find("tcg", probe=answering(tcg=""))).name == "tcg"


async def test_virtual_time_means_emulation() -> None:
    found = await accel.find("auto", "virtual", probe=answering(tcg=""))
    assert (found.name, found.clock, found.reason) == ("tcg", "virtual", "virtual time was asked for")
    with pytest.raises(InputError, match="only emulated guests"):
        await accel.find("kvm", "virtual", probe=answering(kvm=""))


async def test_without_any_acceleration_the_host_is_at_fault() -> None:
    with pytest.raises(HostError, match="emulation does not work here: broken"):
        await accel.find("auto", probe=answering(kvm="none", tcg="broken"))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (accel.SVM, ""),
        (accel.VMX, ""),
        (accel.NEITHER, "neither SVM nor VMX"),
        (-6, "QEMU ends with signal 6 when a guest starts: failed to set MSR"),
        (1, "QEMU ends with status 1 when a guest starts: failed to set MSR"),
    ],
)
def test_the_end_of_a_probe_is_read(status: int, said: str) -> None:
    verdict = accel.verdict(Done(argv=(), status=status, output="failed to set MSR\nmore\n", seconds=0))
    assert said in verdict
    assert bool(said) == bool(verdict)


async def test_the_real_probe_nests_under_emulation() -> None:
    assert await accel.run("tcg") == ""
