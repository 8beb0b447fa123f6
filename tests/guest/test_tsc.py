"""How fast the host's time stamp counter runs."""

import platform

import pytest

from rig.guest import accel, tsc


def test_the_rate_is_in_khz_and_the_same_for_readings_that_wobble() -> None:
    assert tsc.rate((1_000, 5_000), (100_001_000, 244_547_400)) == 2_445_000
    assert tsc.rate((1_000, 5_000), (100_004_000, 244_545_000)) == 2_445_000


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86 has one")
async def test_it_can_be_measured_here() -> None:
    assert await tsc.khz() > 100_000


async def works(_: accel.Name) -> str:
    return ""


async def test_only_emulated_guests_with_the_hosts_time_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def measured() -> int:
        return 2_000_000

    monkeypatch.setattr(tsc, "khz", measured)
    found = [
        await accel.find("tcg", probe=works),
        await accel.find("kvm", probe=works),
        await accel.find("tcg", "virtual", probe=works),
    ]
    assert [each.tsc_khz for each in found] == [2_000_000, 0, 0]
