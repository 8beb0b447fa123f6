import pytest

from rig import duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("20m", 1200), ("1h30m", 5400), ("2h", 7200), ("1m30", 90), (" 5M ", 300)],
)
def test_lengths_are_read(text: str, seconds: int) -> None:
    assert duration.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "m", "20x", "1.5h", "20 minutes"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        duration.seconds(text)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0s"), (45.4, "45s"), (60, "1m"), (95, "1m35s"), (1201, "20m"), (5405, "1h30m")]
)
def test_lengths_are_said(seconds: float, words: str) -> None:
    assert duration.words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0s"), (59.4, "59s"), (60, "1:00"), (3599, "59:59"), (3725, "1:02:05")]
)
def test_times_are_short(seconds: float, told: str) -> None:
    assert duration.clock(seconds) == told
