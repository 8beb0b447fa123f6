"""Messages of a night: what they say, and that nothing a console says gets out of its place."""

import json
from dataclasses import fields, replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import jsonschema
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import TypeAdapter

from rig import paths
from rig.nightly.news import KINDS, Item, News, Open
from rig.render import news as rendered
from tests import values
from tests.nightly.made_up import EARLIER, busy, earlier, fixed, health, job, night, quiet, regression, tip, trend

SITE = "https://ci.example.org/rig"
LONG = "\n".join(f" frame_{number}+0x1/0x2" for number in range(100))


def hostile() -> News:
    """Return news of every kind in which all that is not the rig's own says harmful things."""
    bad = values.HOSTILE

    def spoilt(item: Item) -> Item:
        plain = replace(item, title=bad + item.title, kernel=bad, console=bad, example=bad, known=bad, link=bad)
        return replace(plain, facts=(bad, *item.facts))

    news = busy()
    return replace(
        news,
        items=tuple(map(spoilt, news.items)),
        tips=(tip(subject=bad, kernel=bad),),
        open=tuple(replace(each, title=bad, kernel=bad, known=bad) for each in news.open),
        quarantined=(bad,),
    )


def sent(news: News, sender: str = "rig <rig@example.org>", site: str = SITE) -> EmailMessage:
    """Return a mail as its reader's program takes it apart."""
    made = rendered.message(news, sender, ("a@example.org", "B <b@example.org>"), site)
    parsed = message_from_bytes(made.as_bytes(policy=policy.SMTP), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert parsed.defects == []
    return parsed


def tokens(news: News) -> list[Token]:
    parsed = MarkdownIt("commonmark").enable("table").parse(rendered.markdown(news, SITE))
    return [each for token in parsed for each in (token.children or [token])]


# ---- subjects


def test_the_subject_says_the_gist() -> None:
    news = quiet(after=(regression(1), fixed(2)))
    assert rendered.subject(news) == "rig nightly 2026-11-23: 1 new, 1 fixed in mainline"


def test_the_subject_of_a_quiet_night_says_what_is_open() -> None:
    assert rendered.subject(quiet(after=(earlier(),))) == "rig nightly 2026-11-23: all quiet, 1 open"


def test_the_subject_stays_short_however_much_there_is() -> None:
    assert rendered.subject(busy()).endswith("and more in mainline and next")
    many = quiet(after=tuple(regression(number, kernel=f"k{number}") for number in range(1, 9)))
    assert rendered.subject(many).endswith("8 new in 8 kernels")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_news_is_in_a_subject_by_itself(kind: str) -> None:
    news = replace(quiet(), items=tuple(item for item in busy().items if item.kind == kind))
    assert "quiet" not in rendered.subject(news)


# ---- text


def test_the_text_says_what_where_and_where_to_look() -> None:
    assert rendered.text(quiet(after=(regression(),)), SITE + "/").splitlines() == [
        "rig nightly 2026-11-23: 1 new in mainline, on kvm1.",
        "",
        "NEW in mainline (regression 1)",
        "  KASAN: slab-use-after-free Read in kvm_tdp_mmu_zap_all",
        "    3 of 3 boots under sanitize, vm-teardown",
        "    came after aaaaaaaaaaaa, with bbbbbbbbbbbb at the latest",
        "    rig show 20261123-0040-abc, console patched-1.log",
        "    https://ci.example.org/rig/regressions/1.html",
        "",
        "      BUG: KASAN: slab-use-after-free in kvm_tdp_mmu_zap_all+0x12/0x34",
        "      Read of size 8",
        "",
        "Open (1):",
        "  1: mainline: KASAN: slab-use-after-free Read in kvm_tdp_mmu_zap_all",
        "      (confirmed, since 2026-11-23)",
        "",
        "mainline at bbbbbbbbbbbb KVM: x86: do better, against v6.1.",
        "1 job done, 00:30 to 05:12 UTC.",
        "All of it: https://ci.example.org/rig/nights/2026-11-23.html",
    ]


def test_our_own_words_fit_into_72_columns() -> None:
    assert max(map(len, rendered.text(busy(), SITE).splitlines())) <= rendered.WIDTH


def test_a_long_report_is_cut() -> None:
    text = rendered.text(quiet(after=(regression(example=LONG),)))
    assert "frame_13+" in text
    assert "frame_14+" not in text
    assert "... 86 more lines" in text


def test_many_news_are_cut_and_counted() -> None:
    text = rendered.text(quiet(after=tuple(regression(number) for number in range(1, 101)), trends=(trend(),)))
    assert len(text.splitlines()) < 300
    assert "\nand 71 more\n" in text
    assert "\n  and 85 more\n" in text


def test_a_night_without_a_site_names_no_address() -> None:
    assert "http" not in rendered.text(quiet(after=(regression(),)))


def test_what_lasts_is_in_a_sign_of_life() -> None:
    away = (health(EARLIER),)
    text = rendered.text(quiet(after=(earlier(),), healths_before=away, healths_after=away))
    assert "In quarantine: error-paths under race." in text
    assert "Open (1):" in text


def test_a_night_that_goes_on_says_so() -> None:
    assert "00:30 UTC on" in rendered.text(quiet(night=night(ended="", state="running")))


def test_hostile_words_stay_indented_ascii_in_the_text() -> None:
    text = rendered.text(hostile(), SITE)
    assert all(32 <= ord(char) < 127 or char == "\n" for char in text)
    for line in text.splitlines():
        assert not line.startswith(("Reported-by", "diff ", "---", "From ", ">", "not ok", "ok "))
    assert max(map(len, text.splitlines())) < 998, "more is not allowed in a mail"


# ---- mails


def test_a_mail_has_what_a_mail_needs() -> None:
    mail = sent(quiet(after=(regression(),)))
    assert mail["Subject"] == "rig nightly 2026-11-23: 1 new in mainline"
    assert [each.addr_spec for each in mail["To"].addresses] == ["a@example.org", "b@example.org"]
    assert mail["Date"].datetime.isoformat() == "2026-11-23T05:12:00+00:00"
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r", "") == rendered.text(quiet(after=(regression(),)), SITE)


def test_a_mail_with_hostile_words_has_no_further_headers() -> None:
    mail = sent(hostile())
    plain = {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "References", "MIME-Version"}
    assert set(mail.keys()) == plain | {"Content-Type", "Content-Transfer-Encoding"}
    assert mail["To"].addresses[0].addr_spec == "a@example.org"


def test_a_sender_with_a_name_in_any_script_is_encoded() -> None:
    assert sent(quiet(), "Prüfstand <rig@example.org>")["From"].addresses[0].display_name == "Prüfstand"


def test_news_of_a_regression_go_to_the_mail_of_the_night_it_opened_in() -> None:
    first = sent(quiet(night=night(id=EARLIER), after=(regression(opened=EARLIER, first_seen=EARLIER),)))
    later = sent(quiet(after=(fixed(2),)))
    assert later["In-Reply-To"] == first["Message-ID"]
    assert later["Message-ID"] != first["Message-ID"]


def test_news_of_more_than_that_only_refer_to_it() -> None:
    mail = sent(quiet(after=(fixed(2), regression(3))))
    assert mail["In-Reply-To"] is None
    assert mail["References"]


def test_two_hosts_never_make_the_same_message_id() -> None:
    assert sent(quiet())["Message-ID"] != sent(quiet(night=night(host="other")))["Message-ID"]


# ---- Markdown


def test_markdown_says_the_same() -> None:
    text = rendered.markdown(quiet(after=(regression(), fixed(2))), SITE)
    assert text.startswith(
        "### ❌ rig nightly `2026-11-23`\n\n`1 new, 1 fixed in mainline`\n\n- **new** in `mainline`: `KASAN"
    )
    assert "([regression 1](<https://ci.example.org/rig/regressions/1.html>))\n  - `3 of 3 boots" in text
    assert "<details><summary><code>KASAN" in text


def test_a_quiet_night_and_one_with_trouble_look_different() -> None:
    assert rendered.markdown(quiet()).startswith("### ✅")
    assert rendered.markdown(quiet(problems=("no disk",))).startswith("### ⚠️")


def test_hostile_words_stay_code_in_markdown() -> None:
    for token in tokens(hostile()):
        assert token.type != "image"
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith(SITE)
        if token.type in ("html_block", "html_inline"):
            assert "<script" not in token.content
        if token.type == "text":
            assert "evil" not in token.content
            assert "@everyone" not in token.content


# ---- JSON


def test_the_document_holds_every_item_and_the_gist() -> None:
    document = rendered.document(busy(), SITE)
    assert (document["schema"], document["source"]) == (1, "rig nightly")
    assert document["subject"] == rendered.subject(busy())
    assert [item["kind"] for item in document["items"]] == [item.kind for item in busy().items]
    assert document["items"][0]["url"] == f"{SITE}/regressions/1.html"
    assert document["jobs"] == {"done": 2, "left_out": 0, "failed": 1}
    assert json.loads(rendered.to_json(busy(), SITE)) == document


def test_chats_get_a_few_lines_they_can_show() -> None:
    assert rendered.document(quiet(after=(regression(),)), SITE)["text"].splitlines() == [
        "rig nightly 2026-11-23: 1 new in mainline",
        "new in mainline: `KASAN: slab-use-after-free Read in kvm_tdp_mmu_zap_all`",
        f"{SITE}/nights/2026-11-23.html",
    ]
    assert len(rendered.document(busy(), SITE)["text"].splitlines()) == rendered.MOST_TEXT + 3


def test_hostile_words_mention_nobody_in_a_chat() -> None:
    text = rendered.document(hostile())["text"]
    assert not set("<>&") & set(text)
    assert "@everyone" not in text
    assert all(line.count("`") == 2 for line in text.splitlines()[1:-1])


def test_the_document_fits_its_schema_and_every_field_is_documented() -> None:
    schema = TypeAdapter(rendered.Document).json_schema(mode="serialization")
    jsonschema.validate(rendered.document(hostile(), SITE), schema)
    said = (paths.project() / "docs/nightly.md").read_text()
    for each in (*fields(rendered.Document), *fields(rendered.Told), *fields(Open), *fields(rendered.Jobs)):
        assert f"`{each.name}`" in said, f"docs/nightly.md does not say what {each.name} is"


def test_a_job_that_failed_is_counted() -> None:
    assert "1 job done, 1 failed" in rendered.text(quiet(jobs=(job(), job(2, state="failed"))))
