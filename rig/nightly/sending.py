"""Telling people of a night: by mail, into a directory, to a webhook. What can't be sent is kept for the next night."""

import asyncio
import os
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from rig import proc
from rig.errors import InputError
from rig.nightly.health import in_order
from rig.nightly.news import News
from rig.nightly.tell import Secret, Smtp, Tell, Webhook, web
from rig.render import news as rendered
from rig.render.escape import printable

MOST_KEPT = 30  # messages that could not be sent; the oldest are given up
LONGEST = 300  # characters of what a server says


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to try."""

    attempts: int = 3
    wait: float = 10.0  # seconds before the second, twice as long before each further one
    limit: float = 60.0  # seconds for one step of a conversation with a server, or for the whole command


class _PartlyError(Exception):
    """It worked, but not for all who were to be told."""


class _LaterError(Exception):
    """It did not work, and may work if tried again."""


async def send(
    news: News | None, tell: Tell, outbox: Path, *, root: Path = Path(), patience: Patience = Patience()
) -> tuple[str, ...]:
    """Send a night's message, after those that could not be sent before; return what went wrong, a line each.

    Nothing that goes wrong here is raised, as a night is not worth less for it. Each message lies in `outbox` until it
    is sent: one that is cut off in between may arrive twice, under the same Message-ID, but is not lost. With None for
    `news` only those are sent that are left over. Paths in `tell` are meant from `root`.
    """
    failures: list[str] = []
    try:
        outbox.mkdir(parents=True, exist_ok=True)
        if news:
            _pack(news, tell, outbox)
        failures += _given_up(outbox)
        waiting = sorted(outbox.glob("*.*.*"), key=_by_night)
    except OSError as error:
        return (f"messages can't be kept in {outbox}: {error}",)
    for parcel in waiting:
        if said := await _tried(parcel, tell, root, patience):
            failures.append(f"{_name(parcel)}: {said}")
    return tuple(map(printable, failures))


# ---- the outbox: NIGHT.CHANNEL.SUFFIX


def _pack(news: News, tell: Tell, outbox: Path) -> None:
    for name, text in _parcels(news, tell):
        part = outbox / f".{name}"
        part.write_bytes(text)
        part.replace(outbox / name)


def _parcels(news: News, tell: Tell) -> Iterator[tuple[str, bytes]]:
    """Yield what is to be sent: names and contents."""
    night, document = news.night.id, rendered.to_json(news, tell.site).encode()
    mail = rendered.message(news, tell.sender or "rig@localhost", tell.to or ("undisclosed-recipients:;",), tell.site)
    if tell.sendmail or tell.smtp:
        yield f"{night}.mail.eml", mail.as_bytes(policy=policy.default)
    if tell.directory:
        yield f"{night}.files.eml", mail.as_bytes(policy=policy.default)
        yield f"{night}.files.json", document
        yield f"{night}.files.md", rendered.markdown(news, tell.site).encode()
    if tell.webhook:
        yield f"{night}.webhook.json", document


def _by_night(parcel: Path) -> tuple[tuple[str, int], str]:
    return in_order(parcel.name.partition(".")[0]), parcel.name


def _name(parcel: Path) -> str:
    night, channel, _ = parcel.name.split(".", 2)
    return f"message of the night {night} by {channel}"


def _given_up(outbox: Path) -> Iterator[str]:
    """Remove what is too much, the oldest first, and say so."""
    for parcel in sorted(outbox.glob("*.*.*"), key=_by_night)[:-MOST_KEPT]:
        parcel.unlink()
        yield f"{_name(parcel)}: could not be sent for too long; given up"


# ---- one message by one channel


async def _tried(parcel: Path, tell: Tell, root: Path, patience: Patience) -> str:
    """Deliver a message and remove it from the outbox; return what went wrong, "" if nothing did."""
    said = ""
    try:
        await _deliver(parcel, tell, root, patience)
    except _PartlyError as error:
        said = str(error)
    except Exception as error:  # whatever it is, the night goes on
        words = " ".join(str(error).split())[:LONGEST] or type(error).__name__
        return f"{words}; kept, to be tried again the next night"
    with suppress(OSError):
        parcel.unlink()
    return said


async def _deliver(parcel: Path, tell: Tell, root: Path, patience: Patience) -> None:
    """Deliver a message by its channel; one whose channel is no longer in the plan goes nowhere."""
    channel = parcel.name.split(".")[1]
    if channel == "mail" and tell.sendmail:
        await _command(tell.sendmail, parcel, patience)
    elif channel == "mail" and tell.smtp:
        server, mail = tell.smtp, parcel.read_bytes()
        password = _secret(server.password, root) if server.password else ""
        await _patiently(lambda: _to_server(server, password, mail, patience.limit), patience)
    elif channel == "webhook" and tell.webhook:
        url, data = _address(tell.webhook, root), parcel.read_bytes()
        await _patiently(lambda: _posted(url, data, patience.limit), patience)
    elif channel == "files" and tell.directory:
        _filed(parcel, root / Path(tell.directory).expanduser())


async def _patiently(attempt: Callable[[], None], patience: Patience) -> None:
    """Run what blocks in a thread, again after a while if that may help."""
    for number in range(patience.attempts):
        try:
            return await asyncio.to_thread(attempt)
        except _LaterError:
            if number + 1 == patience.attempts:
                raise
            await asyncio.sleep(patience.wait * 2**number)
    return None


async def _command(argv: tuple[str, ...], mail: Path, patience: Patience) -> None:
    with mail.open("rb") as stdin:
        await proc.run(argv, stdin=stdin, limit=patience.limit)


def _filed(parcel: Path, directory: Path) -> None:
    """Put a message into a directory, whole or not at all."""
    night, _, suffix = parcel.name.split(".", 2)
    directory.mkdir(parents=True, exist_ok=True)
    part = directory / f".{night}.{suffix}"
    part.write_bytes(parcel.read_bytes())
    part.replace(directory / f"{night}.{suffix}")


# ---- mail servers


def _to_server(server: Smtp, password: str, mail: bytes, limit: float) -> None:
    """Hand a mail to a server; raises _LaterError for what may pass."""
    where = f"{server.host}:{server.port}"
    try:
        with _connected(server, limit) as connection:
            if server.user:
                connection.login(server.user, password)
            refused = connection.send_message(message_from_bytes(mail, policy=policy.SMTP))
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        raise (_LaterError if error.smtp_code < 500 else InputError)(f"{where}: {error.smtp_code} {said}") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise InputError(f"{where} refused {', '.join(error.recipients)}") from None
    except (ssl.SSLError, smtplib.SMTPNotSupportedError) as error:
        raise InputError(f"{where}: {error}") from None
    except (OSError, smtplib.SMTPServerDisconnected) as error:
        raise _LaterError(f"{where}: {error}") from None
    if refused:
        raise _PartlyError(f"{where} refused {', '.join(refused)}, and took the mail for the others")


def _connected(server: Smtp, limit: float) -> smtplib.SMTP:
    """Return a connection, encrypted as the plan says; a server that can't is an error."""
    secure = ssl.create_default_context()
    if server.tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=limit, context=secure)
    connection = smtplib.SMTP(server.host, server.port, timeout=limit)
    if server.starttls:
        try:
            connection.starttls(context=secure)
        except BaseException:
            connection.close()
            raise
    return connection


# ---- webhooks


class _NoRedirect(HTTPRedirectHandler):
    """Takes a redirection as the error that it is to a POST."""

    def redirect_request(self, *_: object) -> None:
        """Follow nowhere."""


def _posted(url: str, data: bytes, limit: float) -> None:
    """Post JSON; raises _LaterError for what may pass. The address may be a secret, so only its host is ever named."""
    host = urlsplit(url).hostname
    request = Request(url, data, {"Content-Type": "application/json", "User-Agent": "rig"})
    try:
        build_opener(_NoRedirect).open(request, timeout=limit).close()
    except HTTPError as error:
        again = error.code >= 500 or error.code == 429
        raise (_LaterError if again else InputError)(f"{host} answered {error.code} {error.reason}") from None
    except (OSError, HTTPException) as error:
        raise _LaterError(f"{host}: {getattr(error, 'reason', '') or type(error).__name__}") from None


# ---- secrets


def _address(hook: Webhook, root: Path) -> str:
    if hook.url:
        return hook.url
    try:
        return web(_secret(Secret(environment=hook.environment, file=hook.file), root))
    except ValueError as error:
        raise InputError(f"what {hook.environment or hook.file} holds {error}") from None


def _secret(secret: Secret, root: Path) -> str:
    """Return a secret from where it is; raises InputError."""
    if secret.environment:
        if secret.environment not in os.environ:
            raise InputError(f"the environment variable {secret.environment} is not set")
        return os.environ[secret.environment]
    path = root / Path(secret.file).expanduser()
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read: {error}") from error
