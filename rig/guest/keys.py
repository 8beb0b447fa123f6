"""The keys of one trial: whom the guest lets in, and what the guest must show."""

import base64
import struct
from dataclasses import dataclass
from io import StringIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko import Ed25519Key
from paramiko.pkey import PKey

from rig.guest import cpio

KIND = b"ssh-ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What the client logs in with, the only host key it accepts, and the archive that gives the guest its part."""

    client: PKey
    host: PKey
    secret: str  # the client's again, as text
    archive: bytes = b""


def make() -> Keys:
    """Return fresh keys."""
    host, client = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    archive = cpio.pack(_files(host, client))
    return Keys(client=_paramiko(client), host=_paramiko(host), secret=_openssh(client), archive=archive)


def known(secret: str, host: str) -> Keys:
    """Return the keys of a guest that runs already, by the client's as text and the host's public one in base64."""
    client = Ed25519Key.from_private_key(StringIO(secret))
    return Keys(client=client, host=Ed25519Key(data=base64.b64decode(host)), secret=secret)


def _files(host: Ed25519PrivateKey, client: Ed25519PrivateKey) -> list[cpio.Entry]:
    authorized = KIND + b" " + _paramiko(client).get_base64().encode() + b"\n"
    return [
        cpio.directory("etc"),
        cpio.directory("etc/dropbear", 0o700),
        cpio.file("etc/dropbear/dropbear_ed25519_host_key", _dropbear(host), 0o600),
        cpio.directory("root", 0o700),
        cpio.directory("root/.ssh", 0o700),
        cpio.file("root/.ssh/authorized_keys", authorized, 0o600),
    ]


def _strings(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _dropbear(key: Ed25519PrivateKey) -> bytes:
    """Return `key` as dropbear keeps it: its kind, then private and public part as one string."""
    return _strings(KIND, key.private_bytes_raw() + key.public_key().public_bytes_raw())


def _paramiko(key: Ed25519PrivateKey) -> PKey:
    """Return `key` for Paramiko, which takes a private one in OpenSSH's format only."""
    return Ed25519Key.from_private_key(StringIO(_openssh(key)))


def _openssh(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
