"""Messages on their way: a real mail server, a real web server, a stand-in for sendmail, and all of them failing."""

import asyncio
import json
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rig.nightly import sending
from rig.nightly.sending import Patience
from rig.nightly.tell import Tell
from rig.render import news as rendered
from tests import values
from tests.nightly.made_up import EARLIER, TONIGHT, busy, night, quiet, regression

PATIENCE = Patience(attempts=3, wait=0.01, limit=10)
NEWS = quiet(after=(regression(title=values.HOSTILE),))
MAIL = {"to": ["a@example.org", "b@example.org"], "from": "rig <rig@example.org>"}


def tell(**given: Any) -> Tell:
    return Tell.model_validate(given)


def kept(outbox: Path) -> list[str]:
    return sorted(path.name for path in outbox.iterdir())


def parsed(mail: bytes) -> EmailMessage:
    made = message_from_bytes(mail, policy=policy.default)
    assert isinstance(made, EmailMessage)
    return made


def the_message(mail: bytes) -> bool:
    """Say whether it is the message of NEWS, whole."""
    said = parsed(mail)
    return (str(said["Subject"]), str(said.get_content()).replace("\r", "")) == (
        rendered.subject(NEWS),
        rendered.text(NEWS),
    )


# ---- a mail server


class Postbox:
    """Takes mails, or refuses them as told."""

    def __init__(self, answers: list[str] | None = None, refused: str = "") -> None:
        self.mails: list[tuple[tuple[str, ...], bytes, bool]] = []
        self.answers, self.refused = answers or [], refused

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:
        if address == self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mails.append((tuple(envelope.rcpt_tos), envelope.content, bool(session.ssl)))
        return answer


@asynccontextmanager
async def post_office(box: Postbox, **given: Any) -> AsyncIterator[dict[str, Any]]:
    """Run a mail server, and yield where it is as a plan says it."""
    async with await asyncio.get_running_loop().create_server(lambda: SMTP(box, **given), "127.0.0.1", 0) as server:
        yield {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "starttls": False}


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return what a server needs for TLS, with a certificate that this test trusts."""
    key, me = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(me, me, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, encoding = tmp_path / "server.pem", serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem.write_bytes(key.private_bytes(encoding, *plain) + certificate.public_bytes(encoding))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_mail_goes_to_a_server_for_all_who_are_to_get_it(tmp_path: Path) -> None:
    box = Postbox()
    async with post_office(box) as server:
        assert await sending.send(NEWS, tell(**MAIL, smtp=server), tmp_path, patience=PATIENCE) == ()
    ((to, mail, _),) = box.mails
    assert to == ("a@example.org", "b@example.org")
    assert the_message(mail)
    assert kept(tmp_path) == []


async def test_a_password_is_sent_once_the_connection_is_encrypted(
    tmp_path: Path, certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, seen = Postbox(), []

    def check(_: SMTP, session: Session, __: Envelope, ___: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        seen.append((given.login, given.password, bool(session.ssl)))
        return AuthResult(success=given.password == b"right", handled=False)

    monkeypatch.setenv("MY_PASSWORD", "right")
    (tmp_path / "wrong").write_text("wrong\n")
    async with post_office(box, tls_context=certified, require_starttls=True, authenticator=check) as server:
        user = {**server, "starttls": True, "user": "rig"}
        right = tell(**MAIL, smtp={**user, "password": {"environment": "MY_PASSWORD"}})
        wrong = tell(**MAIL, smtp={**user, "password": {"file": "wrong"}})
        assert await sending.send(NEWS, right, tmp_path / "out", patience=PATIENCE) == ()
        (said,) = await sending.send(NEWS, wrong, tmp_path / "out", root=tmp_path, patience=PATIENCE)
    assert (len(box.mails), box.mails[0][2]) == (1, True)
    assert set(seen) == {(b"rig", b"right", True), (b"rig", b"wrong", True)}
    assert "535" in said
    assert kept(tmp_path / "out") == [f"{TONIGHT}.mail.eml"]


async def test_a_server_that_can_not_encrypt_gets_nothing(tmp_path: Path) -> None:
    box = Postbox()
    async with post_office(box) as server:
        (said,) = await sending.send(NEWS, tell(**MAIL, smtp={**server, "starttls": True}), tmp_path, patience=PATIENCE)
    assert "STARTTLS" in said
    assert box.mails == []


async def test_a_certificate_nobody_vouches_for_is_refused(
    tmp_path: Path, certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    box = Postbox()
    async with post_office(box, tls_context=certified) as server:
        (said,) = await sending.send(NEWS, tell(**MAIL, smtp={**server, "starttls": True}), tmp_path, patience=PATIENCE)
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert box.mails == []


async def test_a_server_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    box = Postbox(["451 later", "451 later"])
    async with post_office(box) as server:
        assert await sending.send(NEWS, tell(**MAIL, smtp=server), tmp_path, patience=PATIENCE) == ()
    assert len(box.mails) == 1


async def test_a_server_that_says_no_is_not_asked_again(tmp_path: Path) -> None:
    box = Postbox(["554 no"])
    async with post_office(box) as server:
        (said,) = await sending.send(NEWS, tell(**MAIL, smtp=server), tmp_path, patience=PATIENCE)
    assert box.mails == []
    assert "554 no; kept" in said


async def test_who_is_refused_is_told_and_the_others_get_their_mail(tmp_path: Path) -> None:
    box = Postbox(refused="a@example.org")
    async with post_office(box) as server:
        (said,) = await sending.send(NEWS, tell(**MAIL, smtp=server), tmp_path, patience=PATIENCE)
    assert "refused a@example.org, and took the mail for the others" in said
    assert [to for to, _, _ in box.mails] == [("b@example.org",)]
    assert kept(tmp_path) == [], "the others do not get it every night"


# ---- sendmail


def sendmail(directory: Path, body: str) -> list[str]:
    """Return the command of a stand-in for sendmail."""
    script = directory / "sendmail"
    script.write_text(f"#!{sys.executable}\nimport sys, pathlib\nhere = pathlib.Path({str(directory)!r})\n{body}\n")
    script.chmod(0o755)
    return [str(script), "-t", "-i"]


async def test_a_command_gets_the_mail_on_its_standard_input(tmp_path: Path) -> None:
    command = sendmail(
        tmp_path, "(here / 'got').write_bytes(sys.stdin.buffer.read()); assert sys.argv[1:] == ['-t', '-i']"
    )
    assert await sending.send(NEWS, tell(**MAIL, sendmail=command), tmp_path / "out", patience=PATIENCE) == ()
    assert the_message((tmp_path / "got").read_bytes())
    assert kept(tmp_path / "out") == []


async def test_a_command_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    command = sendmail(tmp_path, "print('no route \\x1b[2J to host'); sys.exit(75)")
    (said,) = await sending.send(NEWS, tell(**MAIL, sendmail=command), tmp_path / "out", patience=PATIENCE)
    assert said.startswith(f"message of the night {TONIGHT} by mail: ")
    assert "exit status 75 no route \\x1b[2J to host; kept, to be tried again the next night" in said
    assert kept(tmp_path / "out") == [f"{TONIGHT}.mail.eml"]


async def test_a_command_that_is_not_there_is_no_exception(tmp_path: Path) -> None:
    (said,) = await sending.send(NEWS, tell(**MAIL, sendmail="no-such-sendmail -t"), tmp_path, patience=PATIENCE)
    assert "no-such-sendmail is not installed" in said


async def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    command = sendmail(tmp_path, "import time; time.sleep(1000)")
    (said,) = await sending.send(NEWS, tell(**MAIL, sendmail=command), tmp_path / "out", patience=Patience(limit=0.5))
    assert "still running after 0.5 s, killed" in said


async def test_what_could_not_be_sent_goes_out_before_the_next_nights(tmp_path: Path) -> None:
    broken = tell(**MAIL, sendmail=sendmail(tmp_path, "sys.exit(1)"))
    await sending.send(quiet(night=night(id=EARLIER)), broken, tmp_path / "out", patience=PATIENCE)
    mended = tell(**MAIL, sendmail=sendmail(tmp_path, "open(here / 'got', 'a').write(sys.stdin.read() + '\\n')"))
    assert await sending.send(NEWS, mended, tmp_path / "out", patience=PATIENCE) == ()
    got = (tmp_path / "got").read_text()
    assert got.index(f"Subject: rig nightly {EARLIER}") < got.index(f"Subject: rig nightly {TONIGHT}")


async def test_what_is_left_over_goes_out_without_news_too(tmp_path: Path) -> None:
    broken = tell(**MAIL, sendmail=sendmail(tmp_path, "sys.exit(1)"))
    await sending.send(NEWS, broken, tmp_path / "out", patience=PATIENCE)
    mended = tell(**MAIL, sendmail=sendmail(tmp_path, "(here / 'got').write_bytes(sys.stdin.buffer.read())"))
    assert await sending.send(None, mended, tmp_path / "out", patience=PATIENCE) == ()
    assert the_message((tmp_path / "got").read_bytes())


async def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MOST_KEPT", 2)
    broken = tell(**MAIL, sendmail=sendmail(tmp_path, "sys.exit(1)"))
    for day in ("2026-11-23", "2026-11-23-2", "2026-11-23-10"):
        said = await sending.send(quiet(night=night(id=day)), broken, tmp_path / "out", patience=PATIENCE)
    assert said[0] == "message of the night 2026-11-23 by mail: could not be sent for too long; given up"
    assert kept(tmp_path / "out") == ["2026-11-23-10.mail.eml", "2026-11-23-2.mail.eml"]


async def test_what_is_kept_for_a_channel_that_is_gone_from_the_plan_is_dropped(tmp_path: Path) -> None:
    broken = tell(**MAIL, sendmail=sendmail(tmp_path, "sys.exit(1)"))
    await sending.send(NEWS, broken, tmp_path / "out", patience=PATIENCE)
    assert await sending.send(None, tell(), tmp_path / "out", patience=PATIENCE) == ()
    assert kept(tmp_path / "out") == []


# ---- webhooks


class Hooks:
    """A web server that answers as told, and keeps what it got."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.got: list[tuple[str, str, bytes]] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.got.append((self.path, self.headers["Content-Type"], data))
                self.send_response(hooks.answers.pop(0) if hooks.answers else 200)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@contextmanager
def listening(hooks: Hooks) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), hooks.handler())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/services/SECRET"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_webhook_gets_the_document(tmp_path: Path) -> None:
    hooks = Hooks()
    with listening(hooks) as url:
        assert await sending.send(busy(), tell(webhook=url), tmp_path, patience=PATIENCE) == ()
    ((path, kind, data),) = hooks.got
    assert (path, kind) == ("/services/SECRET", "application/json")
    assert json.loads(data) == rendered.document(busy())
    assert kept(tmp_path) == []


@pytest.mark.parametrize("answers", [(503, 429), (500,)])
async def test_a_webhook_that_is_busy_is_tried_again(tmp_path: Path, answers: tuple[int, ...]) -> None:
    hooks = Hooks(*answers)
    with listening(hooks) as url:
        assert await sending.send(NEWS, tell(webhook=url), tmp_path, patience=PATIENCE) == ()
    assert len(hooks.got) == len(answers) + 1


@pytest.mark.parametrize(("answers", "times"), [((500,) * 9, 3), ((403,), 1), ((302,), 1), ((307,), 1)])
async def test_a_webhook_that_fails_is_told_without_its_address(
    tmp_path: Path, answers: tuple[int, ...], times: int
) -> None:
    hooks = Hooks(*answers)
    with listening(hooks) as url:
        (said,) = await sending.send(NEWS, tell(webhook=url), tmp_path, patience=PATIENCE)
    assert len(hooks.got) == times
    assert f"127.0.0.1 answered {answers[0]}" in said
    assert "SECRET" not in said
    assert kept(tmp_path) == [f"{TONIGHT}.webhook.json"]


async def test_a_webhook_that_nobody_listens_at_is_told_and_kept(tmp_path: Path) -> None:
    with listening(Hooks()) as url:
        pass
    (said,) = await sending.send(NEWS, tell(webhook=url), tmp_path, patience=PATIENCE)
    assert "127.0.0.1: " in said
    assert "SECRET" not in said
    assert kept(tmp_path) == [f"{TONIGHT}.webhook.json"]


async def test_the_address_of_a_webhook_may_be_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks, secret = Hooks(), tell(webhook={"environment": "MY_HOOK"})
    (unset,) = await sending.send(NEWS, secret, tmp_path, patience=PATIENCE)
    assert "the environment variable MY_HOOK is not set" in unset
    monkeypatch.setenv("MY_HOOK", "hooks.example.org/SECRET")
    (wrong,) = await sending.send(NEWS, secret, tmp_path, patience=PATIENCE)
    assert "what MY_HOOK holds is no address of the web" in wrong
    assert "SECRET" not in wrong
    with listening(hooks) as url:
        monkeypatch.setenv("MY_HOOK", url)
        assert await sending.send(None, secret, tmp_path, patience=PATIENCE) == ()
    assert len(hooks.got) == 1


# ---- files, and all together


async def test_a_directory_gets_the_message_in_three_formats(tmp_path: Path) -> None:
    given = tell(directory="told", site="https://ci.example.org/")
    assert await sending.send(NEWS, given, tmp_path / "out", root=tmp_path, patience=PATIENCE) == ()
    files = sorted((tmp_path / "told").iterdir())
    assert [path.name for path in files] == [f"{TONIGHT}.eml", f"{TONIGHT}.json", f"{TONIGHT}.md"]
    assert parsed(files[0].read_bytes())["Subject"] == rendered.subject(NEWS)
    assert json.loads(files[1].read_text())["url"] == f"https://ci.example.org/nights/{TONIGHT}.html"
    assert files[2].read_text() == rendered.markdown(NEWS, "https://ci.example.org/")


async def test_one_channel_that_fails_does_not_keep_the_others(tmp_path: Path) -> None:
    hooks = Hooks()
    with listening(hooks) as url:
        given = tell(**MAIL, sendmail="no-such-sendmail -t", webhook=url, directory=str(tmp_path / "told"))
        said = await sending.send(NEWS, given, tmp_path / "out", patience=PATIENCE)
    assert len(said) == 1
    assert len(hooks.got) == 1
    assert (tmp_path / "told" / f"{TONIGHT}.md").is_file()


async def test_nobody_to_tell_is_nothing_to_do(tmp_path: Path) -> None:
    assert await sending.send(NEWS, tell(), tmp_path / "out", patience=PATIENCE) == ()


@pytest.mark.parametrize("spoil", [lambda path: path.write_text(""), lambda path: (path / "x").mkdir(parents=True)])
async def test_an_outbox_that_can_not_be_written_is_told(tmp_path: Path, spoil: Callable[[Path], Any]) -> None:
    outbox = tmp_path / "out"
    if spoil(outbox) is None:
        (outbox / f"{TONIGHT}.files.eml").mkdir()
    said = await sending.send(NEWS, tell(directory=str(tmp_path / "told")), outbox, patience=PATIENCE)
    assert said
