"""Who is told of a night and how: the `tell` section of the nightly plan. No I/O."""

import shlex
from email.errors import HeaderParseError
from email.headerregistry import AddressHeader, HeaderRegistry
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from rig.yamlfile import Strict


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _command(value: object) -> object:
    return tuple(shlex.split(value)) if isinstance(value, str) else value


def _hook(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _address(text: str) -> str:
    """Return what is one mail address, with or without a name; raises ValueError."""
    wrong = ValueError(f"{text!r} is no mail address: write name@example.org")
    try:
        parsed = HeaderRegistry()("To", text)
    except (HeaderParseError, IndexError, ValueError):
        raise wrong from None
    if not isinstance(parsed, AddressHeader) or len(parsed.addresses) != 1 or parsed.defects:
        raise wrong
    if not all(parsed.addresses[0].addr_spec.partition("@")) or not text.isprintable():
        raise wrong
    return text


def web(text: str) -> str:
    """Return what is an address of the web; raises ValueError, without the address, which may be a secret."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isprintable() or " " in text:
        raise ValueError("is no address of the web: it begins with https:// or http://")
    return text


Address = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(_listed)]
Words = Annotated[tuple[str, ...], BeforeValidator(_command)]
Web = Annotated[str, AfterValidator(lambda text: text and web(text))]


class Secret(Strict):
    """Where a secret is, which has no place in a plan: in an environment variable, or in a file."""

    environment: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _one(self) -> "Secret":
        if bool(self.environment) == bool(self.file):
            raise ValueError("needs either `environment` or `file`")
        return self


class Webhook(Strict):
    """The address of a webhook, or where it is, for those whose address is a secret."""

    url: Web = ""
    environment: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _one(self) -> "Webhook":
        if sum(map(bool, (self.url, self.environment, self.file))) != 1:
            raise ValueError("needs an address, or `environment` or `file` to say where it is")
        return self


class Smtp(Strict):
    """A mail server."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    starttls: bool = True  # the connection begins in the clear, and goes on only if it can be encrypted
    tls: bool = False  # it is encrypted from the start, as on port 465
    user: str = ""
    password: Secret | None = None

    @model_validator(mode="after")
    def _safe(self) -> "Smtp":
        if bool(self.user) != (self.password is not None):
            raise ValueError("`user` and `password` go together")
        if self.user and not (self.starttls or self.tls):
            raise ValueError("a password is sent over an encrypted connection only: `starttls` or `tls`")
        return self


class Tell(Strict):
    """The `tell` section. Each channel that is named is used; nobody is told if none is."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    to: Addresses = ()
    sender: Annotated[Address | None, Field(alias="from")] = None
    sendmail: Words = ()  # a command that takes a mail on its standard input: /usr/sbin/sendmail -t -i
    smtp: Smtp | None = None
    directory: str = ""  # that gets each message as files: .eml, .json, .md
    webhook: Annotated[Webhook | None, BeforeValidator(_hook)] = None
    site: Web = ""  # the address of the site, for links

    @model_validator(mode="after")
    def _whole(self) -> "Tell":
        if self.sendmail and self.smtp:
            raise ValueError("mails go out by `sendmail` or by `smtp`, not by both")
        mails = bool(self.sendmail or self.smtp)
        if mails and not (self.to and self.sender):
            raise ValueError("mails need `to` and `from`")
        if self.to and not (mails or self.directory):
            raise ValueError("`to` needs `sendmail`, `smtp` or `directory`")
        return self
