from dataclasses import replace

from rig.memory.values import Observation
from rig.render.site.strip import strip
from tests.render.site import made_up

NIGHTS = tuple(made_up.night_id(number) for number in range(5))


def test_a_bar_is_a_nights_share_and_nights_without_a_look_differ_from_clean_ones() -> None:
    seen = tuple(
        Observation(night=NIGHTS[at], commit="", hits=hits, trials=trials, runs=())
        for at, hits, trials in ((0, 0, 4), (1, 1, 4), (2, 0, 0), (4, 4, 4))
    )
    made = strip(replace(made_up.regression(1), observations=seen), NIGHTS, 14)
    assert [bar.share for bar in made.bars] == [0, 25, None, None, 100]
    assert made.said == "seen in 2 of 3 nights that could have shown it"


def test_only_the_last_nights_are_shown() -> None:
    made = strip(made_up.regression(1), NIGHTS, 2)
    assert [bar.night for bar in made.bars] == list(NIGHTS[-2:])
