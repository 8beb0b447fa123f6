"""What a night's message says, and whether there is one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rig.nightly import news as module
from rig.nightly.news import Item, News, due, told
from tests.nightly.made_up import (
    BAD,
    EARLIER,
    TODAY,
    TONIGHT,
    busy,
    earlier,
    fixed,
    health,
    issue,
    job,
    night,
    quiet,
    regression,
    trend,
)


def only(news: News) -> Item:
    (item,) = news.items
    return item


def test_news_of_every_kind_come_in_their_order() -> None:
    kinds = [item.kind for item in busy().items]
    assert tuple(dict.fromkeys(kinds)) == module.KINDS


def test_a_night_without_change_has_none() -> None:
    news = quiet(
        before=(earlier(),), after=(earlier(),), healths_before=(health(EARLIER),), healths_after=(health(EARLIER),)
    )
    assert news.items == ()
    assert [each.regression for each in news.open] == [1]
    assert news.quarantined == ("error-paths under race",)


# ---- regressions


def test_a_new_one_says_how_often_where_and_between_which_commits() -> None:
    item = only(quiet(after=(regression(),)))
    assert item.kind == "new"
    assert item.facts == (
        "3 of 3 boots under sanitize, vm-teardown",
        "came after aaaaaaaaaaaa, with bbbbbbbbbbbb at the latest",
    )
    assert (item.run, item.console, item.regression) == ("20261123-0040-abc", "patched-1.log", 1)
    assert item.example.startswith("BUG: KASAN")


def test_a_new_one_whose_commit_was_found_is_told_once_with_it() -> None:
    item = only(
        quiet(
            after=(regression(culprit="b1b2b3b KVM: do worse", odds=0.97, bisection="x"),),
            jobs=(job(kind="bisect", run="x"),),
        )
    )
    assert (item.kind, item.commit) == ("new", "b1b2b3b KVM: do worse")
    assert "came with b1b2b3b KVM: do worse (97% sure)" in item.facts


def test_one_that_was_seen_before_came_back() -> None:
    item = only(quiet(after=(regression(first_seen=EARLIER),)))
    assert item.kind == "came back"
    assert f"first seen in the night {EARLIER}" in item.facts


@pytest.mark.parametrize(("standing", "kind"), [("suspected", "suspected"), ("old", "old"), ("confirmed", "new")])
def test_what_is_not_sure_to_be_new_is_not_called_new(standing: str, kind: str) -> None:
    assert only(quiet(after=(regression(standing=standing),))).kind == kind


def test_a_suspicion_that_is_confirmed_is_told() -> None:
    item = only(quiet(before=(earlier(standing="suspected"),), after=(earlier(),)))
    assert item.kind == "confirmed"


def test_a_commit_found_tonight_is_told_and_one_found_earlier_is_not() -> None:
    found = earlier(culprit="b1b2b3b KVM: do worse", bisection="x")
    search = job(kind="bisect", run="x")
    assert only(quiet(before=(earlier(),), after=(found,), jobs=(search,))).kind == "culprit found"
    assert only(quiet(after=(found,), jobs=(search,))).kind == "culprit found", "also of a night that was resumed"
    assert quiet(before=(found,), after=(found,)).items == ()


def test_one_that_is_gone_says_since_when_it_was_there() -> None:
    item = only(quiet(before=(earlier(2),), after=(fixed(2),)))
    assert item.kind == "fixed"
    assert item.facts[:2] == ("0 of 9 boots under sanitize, vm-teardown", f"open since {EARLIER}, last seen 2026-11-22")
    assert item.example == ""


def test_one_that_was_closed_earlier_is_no_news() -> None:
    closed = regression(open=False, closed=EARLIER, opened=EARLIER, first_seen=EARLIER)
    assert quiet(before=(closed,), after=(closed,)).items == ()


def test_a_known_issue_marks_it_and_hides_nothing() -> None:
    news = quiet(after=(regression(),), issues=(issue(),))
    item = only(news)
    assert (item.kind, item.known, item.link) == ("new", "being worked on", "https://example.org/1")
    assert "known: being worked on (https://example.org/1)" in item.facts
    assert news.open[0].known == "being worked on"
    assert due(news, "2026-11-22 x", TODAY)


def test_the_run_to_look_into_is_the_last_that_showed_it() -> None:
    observation = regression().observations[0]
    item = only(quiet(after=(regression(run="first", observations=(observation,)),)))
    assert (item.run, item.console) == ("20261123-0040-abc", ""), "that console is of another run"


def test_what_building_shows_is_counted_in_builds() -> None:
    item = only(quiet(after=(regression(type="BUILD", title="build failure"),)))
    assert item.facts[0].startswith("3 of 3 builds under")


# ---- metrics, workloads, known issues, troubles


def test_a_step_says_from_what_to_what_since_when() -> None:
    item = only(quiet(trends=(trend(),)))
    assert (item.kind, item.title, item.kernel, item.commit) == ("step", "root-churn/pf_fixed", "mainline", BAD)
    assert item.facts[:2] == ("400 to 412 (+3.0%)", f"since the night {TONIGHT}, under sanitize, default")
    assert item.change == pytest.approx(0.03)


def test_a_step_that_is_not_certain_says_how_sure_it_is() -> None:
    assert only(quiet(trends=(trend(p_value=0.001),))).facts[0].endswith("; chance would do as much once in 1,000")


def test_a_step_from_nothing_has_no_percentage() -> None:
    item = only(quiet(trends=(trend(before=0.0, after=3.0, bad="", good=""),)))
    assert item.facts[0] == "0 to 3"


def test_steps_of_one_workload_between_the_same_commits_are_told_as_one() -> None:
    one = trend()
    named = (replace(one, measure=replace(one.measure, name=f"pf_{number}")) for number in range(15))
    elsewhere = replace(one, measure=replace(one.measure, where=replace(one.measure.where, shape="shadow")))
    several, other = quiet(trends=(*named, elsewhere)).items
    assert (several.title, several.change, other.title) == ("root-churn: 15 metrics", None, "root-churn/pf_fixed")
    assert several.facts[0] == "pf_0: 400 to 412 (+3.0%)"
    assert "and 3 more" in several.facts


def test_who_goes_into_quarantine_and_who_comes_back_is_told() -> None:
    into = only(quiet(healths_after=(health(TONIGHT),)))
    assert (into.kind, into.title) == ("quarantined", "error-paths under race")
    assert into.facts[1].startswith("comes back after 5 nights")
    back = only(quiet(healths_before=(health(EARLIER),), healths_after=(health(),)))
    assert (back.kind, back.facts[-1]) == ("returned", "its failures count again")


def test_known_issues_speak_up_when_they_expire_and_a_week_before() -> None:
    issues = issue(title="a", expires="2026-11-22"), issue(title="b", expires="2026-11-30"), issue(title="c")
    assert [(item.kind, item.title) for item in quiet(issues=issues).items] == [
        ("known issue expired", "a"),
        ("known issue expires soon", "b"),
    ]


def test_what_went_wrong_is_told_once() -> None:
    news = quiet(night=night(notes=("next: no such branch",)), problems=("next: no such branch", "disk is full"))
    assert [item.title for item in news.items] == ["next: no such branch", "disk is full"]


def test_a_failed_job_is_trouble() -> None:
    news = quiet(jobs=(job(), job(2, state="failed", why="no space left"), job(3, state="left out")))
    assert only(news).facts == ("no space left",)
    assert (news.done, news.failed, news.left_out) == (1, 1, 1)


def test_a_kernel_that_does_not_build_is_told_once() -> None:
    news = quiet(
        after=(regression(type="BUILD", title="build failure"),),
        jobs=(job(state="failed", why="mainline does not build under sanitize"),),
    )
    assert only(news).kind == "new"


# ---- whether there is a message


def test_the_first_night_is_told_even_if_it_was_quiet() -> None:
    assert due(quiet(), "", TODAY)


def test_a_quiet_night_is_not_told_until_a_week_is_over() -> None:
    last = told(quiet(night=night(id=EARLIER)), TODAY)
    assert not due(quiet(), last, TODAY + timedelta(days=6))
    assert due(quiet(), last, TODAY + timedelta(days=7))


@pytest.mark.parametrize("item", busy().items, ids=lambda item: item.kind)
def test_any_change_is_told(item: Item) -> None:
    last = told(quiet(night=night(id=EARLIER)), TODAY)
    news = quiet()
    changed = News(**{name: getattr(news, name) for name in News.__slots__} | {"items": (item,)})
    assert due(changed, last, TODAY)


def test_no_night_is_told_twice() -> None:
    assert not due(busy(), told(busy(), TODAY), TODAY)


def test_trouble_that_lasts_is_told_once_and_then_weekly() -> None:
    first = quiet(night=night(id=EARLIER), problems=("disk is full",))
    last = told(first, TODAY)
    again = quiet(problems=("disk is full",))
    assert not due(again, last, TODAY + timedelta(days=1))
    assert due(again, last, TODAY + timedelta(days=7))
    assert due(quiet(problems=("disk is full", "no network")), last, TODAY + timedelta(days=1))


def test_a_mere_date_is_understood_as_when_somebody_was_last_told() -> None:
    assert not due(quiet(), "2026-11-22", TODAY)
    assert due(quiet(), "2026-11-16", TODAY)


def test_what_is_no_date_counts_as_never() -> None:
    assert due(quiet(), "yesterday", TODAY)
