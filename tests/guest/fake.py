"""A scripted stand-in for QEMU and the guest in it: console, QMP and ssh are real, the kernel is not.

`install` puts it on PATH under QEMU's name. What it does is a Behaviour, chosen by the file name of the kernel.
"""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from typing import IO, Any, Literal

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

NAME = "qemu-system-x86_64"
HOST_KEY = b"\0\0\0\x0bssh-ed25519\0\0\0\x40"  # as dropbear keeps it, before private and public part
WORKLOAD = re.compile(r"/bin/rig-run --scan=\w+ (\S+) -- ")
ANSWERED = 0.05  # seconds
Act = Literal["", "panic", "reset", "off", "die", "hang", "hang up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a command or workload does: print, write to the console, exit; or take the guest with it."""

    output: str = ""
    console: str = ""
    status: int = 0
    act: Act = ""
    again: bool = False  # print the same each tenth of a second, for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a guest does. `boot` is how far it gets: "" is all the way, "refuse" not even to its sockets."""

    boot: Act | Literal["refuse"] = ""
    console: str = ""  # said while booting
    commands: Mapping[str, Command] = field(default_factory=dict)  # by workload's name, or whole command line
    shell: bool = False  # all other commands are really run, by the host's shell, with a kernel's log of their own


def install(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: Behaviour | None = None,
    by_kernel: Mapping[str, Behaviour] | None = None,
) -> None:
    """Put the fake on PATH; `by_kernel` is keyed by the kernel's file name, `behaviour` is for the others."""
    behaviours = {"*": behaviour or Behaviour(), **(by_kernel or {})}
    binaries = directory / "bin"
    binaries.mkdir()
    (binaries / "behaviours.json").write_text(json.dumps({name: asdict(each) for name, each in behaviours.items()}))
    program = binaries / NAME
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} {binaries} "$@"\n')
    (binaries / "dmesg").write_text(f"#!/bin/sh\ncat {binaries}/kmsg\n")
    program.chmod(0o755)
    (binaries / "dmesg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{binaries}:{os.environ['PATH']}")


class Machine:
    """The process that plays QEMU."""

    def __init__(self, behaviour: dict[str, Any], options: dict[str, list[str]], directory: Path) -> None:
        self.behaviour, self.directory = behaviour, directory
        console, monitor = (_fields(value) for value in options["-chardev"])
        self.console, self.monitor = _connected(console["path"]), _connected(monitor["path"])
        self.key = _host_key(Path(options["-initrd"][0]).read_bytes())
        self.ssh = socket.create_server(("127.0.0.1", 0))
        self.running = threading.Event()

    def say(self, text: str) -> None:
        """Write a line to the console."""
        if text:
            self.console.sendall(f"{text}\n".encode())

    def live(self) -> None:
        """Boot, serve, until an act ends it."""
        threading.Thread(target=self.answer_monitor, daemon=True).start()
        self.running.wait()
        self.say(self.behaviour["console"])
        self.act(self.behaviour["boot"])
        self.say("[    1.000000][    T1] rig: ready")
        while True:
            connection, _ = self.ssh.accept()
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.key)
            transport.start_server(server=Server(self))

    def act(self, what: str) -> None:
        """Do what ends a guest."""
        if what == "hang":
            threading.Event().wait()
        if what == "die":
            os._exit(9)
        if what == "panic":
            self.say("Kernel panic - not syncing: as scripted")
            self.event("GUEST_PANICKED", action="run")
        if what in ("panic", "reset", "off"):
            self.event("SHUTDOWN", guest=True, reason="guest-shutdown" if what == "off" else "guest-reset")
            os._exit(0)

    def event(self, name: str, **data: object) -> None:
        """Send a QMP event."""
        self.send({"event": name, "data": data, "timestamp": {"seconds": 0, "microseconds": 0}})

    def send(self, message: dict[str, object]) -> None:
        """Send a QMP message."""
        self.monitor.sendall(json.dumps(message).encode() + b"\r\n")

    def answer_monitor(self) -> None:
        """Speak QMP until the rig hangs up."""
        version = {"qemu": {"micro": 0, "minor": 0, "major": 0}, "package": "fake"}
        self.send({"QMP": {"version": version, "capabilities": []}})
        for asked in _messages(self.monitor):
            told = f"TCP[HOST_FORWARD]  12 127.0.0.1 {self.ssh.getsockname()[1]} 10.0.2.15 22"
            answer = told if asked["execute"] == "human-monitor-command" else {}
            self.send({"return": answer, **({"id": asked["id"]} if "id" in asked else {})})
            if asked["execute"] == "human-monitor-command":
                self.running.set()
            if asked["execute"] == "inject-nmi":
                self.say("Uhhuh. NMI received for unknown reason 31 on CPU 0.")
                self.act("panic")
        os._exit(0)

    def run(self, line: str, channel: paramiko.Channel) -> None:
        """Play a command."""
        found = WORKLOAD.search(line)
        name = found[1] if found else line
        if found:
            self.say(f"rig: begin {name}")
        if self.behaviour["shell"] and name not in self.behaviour["commands"] and "poweroff" not in line:
            self.really_run(WORKLOAD.sub("", line), channel)
            return
        scripted = self.behaviour["commands"].get(name) or asdict(Command(act="off" if "poweroff" in line else ""))
        self.say(scripted["console"])
        channel.sendall(scripted["output"].encode())
        while scripted["again"]:
            threading.Event().wait(0.1)
            channel.sendall(scripted["output"].encode())
        if scripted["act"] == "hang up":
            channel.get_transport().sock.shutdown(socket.SHUT_RDWR)
        self.act(scripted["act"])
        channel.send_exit_status(scripted["status"])
        channel.close()

    def really_run(self, line: str, channel: paramiko.Channel) -> None:
        """Run a command on the host; what is the guest's own is put below our directory."""
        line = line.replace("/tmp/.rig", f"{self.directory}/rig").replace("/dev/kmsg", f"{self.directory}/kmsg")
        line = line.replace("/sys/kernel/debug/", f"{self.directory}/debug/")
        environment = os.environ | {"PATH": f"{self.directory}:{os.environ['PATH']}"}
        command = subprocess.Popen(
            ("sh", "-c", line), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert command.stdin
        assert command.stdout
        threading.Thread(target=_feed, args=(channel, command.stdin), daemon=True).start()
        while said := os.read(command.stdout.fileno(), 65536):
            channel.sendall(said)
        channel.send_exit_status(command.wait())
        channel.close()


class Server(paramiko.ServerInterface):
    """Lets anyone in."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        # Paramiko answers the request only after this has returned, and a closed channel would come first.
        threading.Timer(ANSWERED, self.machine.run, (command.decode(), channel)).start()
        return True


def _feed(channel: paramiko.Channel, stdin: IO[bytes]) -> None:
    with stdin:
        while sent := channel.recv(65536):
            stdin.write(sent)


def _fields(value: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in value.split(",") if "=" in part)


def _messages(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield JSON values as they come; nothing but their own ends parts them."""
    text = ""
    while chunk := connection.recv(65536):
        text += chunk.decode()
        while text := text.lstrip():
            try:
                value, end = json.JSONDecoder().raw_decode(text)
            except ValueError:
                break
            yield value
            text = text[end:]


def _connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def _host_key(initrd: bytes) -> paramiko.PKey:
    start = initrd.index(HOST_KEY) + len(HOST_KEY)
    key = Ed25519PrivateKey.from_private_bytes(initrd[start : start + 32])
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return paramiko.Ed25519Key.from_private_key(StringIO(text))


def _options(argv: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for name, value in zip(argv, [*argv[1:], ""], strict=True):
        if name.startswith("-"):
            options.setdefault(name, []).append(value)
    return options


def main(binaries: Path, argv: list[str]) -> None:
    """Be QEMU."""
    options = _options(argv)
    if "--version" in options:
        print("QEMU emulator version 0.0.0 (fake)")
    elif "isa-debug-exit,iobase=0xf4" in options["-device"]:
        sys.exit(33 if options["-accel"] == ["tcg,thread=single"] else "no KVM in a fake")
    else:
        behaviours = json.loads((binaries / "behaviours.json").read_text())
        behaviour = behaviours.get(Path(options["-kernel"][0]).name, behaviours["*"])
        if behaviour["boot"] == "refuse":
            sys.exit("qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory")
        Machine(behaviour, options, binaries).live()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
