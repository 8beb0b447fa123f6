"""The plan's section about who is told: what it may say, and what is refused."""

import pytest

from rig import yamlfile
from rig.errors import InputError
from rig.nightly.tell import Tell

MAIL = "to: kvm@example.org\nfrom: rig <rig@example.org>\n"
SMTP = "smtp: {host: mail.example.org, user: rig, password: {environment: RIG_PASSWORD}}\n"


def read(text: str) -> Tell:
    return yamlfile.parse(Tell, text, "nightly.yaml")


def test_nobody_is_told_if_nothing_is_said() -> None:
    assert read("{}") == Tell()


def test_a_command_may_be_written_as_one_line_or_in_words() -> None:
    assert read(f"{MAIL}sendmail: msmtp -t --account 'my own'").sendmail == ("msmtp", "-t", "--account", "my own")
    assert read(f"{MAIL}sendmail: [msmtp, -t]").sendmail == ("msmtp", "-t")


def test_a_mail_server_is_asked_to_encrypt_unless_told_otherwise() -> None:
    server = read(MAIL + SMTP).smtp
    assert server is not None
    assert (server.port, server.starttls, server.tls) == (587, True, False)


def test_a_webhook_is_an_address_or_where_it_is() -> None:
    hooks = [read(f"webhook: {said}").webhook for said in ("https://chat.example.org/x", "{file: ~/hook}")]
    assert [(hook.url, hook.file) for hook in hooks if hook] == [("https://chat.example.org/x", ""), ("", "~/hook")]


def test_what_was_read_can_be_written_and_read_again() -> None:
    told = read(f"{MAIL}{SMTP}webhook: https://chat.example.org/x\ndirectory: d\n")
    assert Tell.model_validate(told.model_dump()) == told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MAIL, "`to` needs `sendmail`, `smtp` or `directory`"),
        ("sendmail: sendmail -t", "mails need `to` and `from`"),
        (f"{MAIL}{SMTP}sendmail: sendmail -t", "not by both"),
        ("to: nobody", "to.0: .*is no mail address"),
        ("to: a@example.org, b@example.org", "to.0: .*is no mail address"),
        ('to: "a@example.org\\nBcc: b@example.org"', "to.0: .*is no mail address"),
        ("from: '<@example.org>'", "from: .*is no mail address"),
        ("webhook: ftp://example.org", "webhook.url: .*no address of the web"),
        ("webhook: {}", "webhook: .*needs an address"),
        ("site: example.org", "site: .*no address of the web"),
        ("smtp: {host: h, user: rig}", "`user` and `password` go together"),
        ("smtp: {host: h, user: u, starttls: false, password: {file: f}}", "encrypted connection only"),
        ("smtp: {host: h, user: u, password: {}}", "needs either `environment` or `file`"),
        ("smtp: {host: h, user: u, password: secret}", "smtp.password"),
        ("mail: x", "mail: unknown key"),
    ],
)
def test_what_can_not_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=f"nightly.yaml: .*{said}"):
        read(text)


def test_the_address_of_a_webhook_is_not_repeated_in_an_error() -> None:
    with pytest.raises(InputError) as error:
        read("webhook: hooks.example.org/SECRET")
    assert "SECRET" not in str(error.value)
