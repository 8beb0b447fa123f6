"""`rig boot`, with a scripted guest."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rig.cli import main
from rig.model import Image
from rig.progress import Progress
from tests.guest import fake
from tests.guest.fake import Behaviour, Command


@pytest.fixture
def kernel(tmp_path: Path, own_dirs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert own_dirs
    path = tmp_path / "bzImage"
    path.write_bytes(bytes(0x1F1) + b"\0" * 0x11 + b"HdrS" + bytes(4096))
    packed = tmp_path / "image"
    packed.write_bytes(b"")

    async def build(progress: Progress) -> Image:
        return Image(path=packed, digest="")

    monkeypatch.setattr("rig.guest.image.build", build)
    return path


def boot(kernel: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["boot", str(kernel), "--quiet", "--accel", "tcg", *arguments])


def test_a_command_gives_its_output_and_status(
    kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(commands={"ls '/a b'": Command(output="seen\n", status=3)}))
    result = boot(kernel, "--", "ls", "/a b")
    assert (result.exit_code, capfd.readouterr().out) == (3, "seen\n")


def test_a_guest_that_dies_is_told_with_its_last_words(
    kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.install(tmp_path, monkeypatch, Behaviour(boot="panic"))
    result = boot(kernel, "--", "true")
    assert result.exit_code == 4
    assert "Kernel panic - not syncing: as scripted" in result.stderr
    assert "the guest ended, panicked" in result.stderr


def test_the_console_can_be_kept(kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.install(tmp_path, monkeypatch)
    assert boot(kernel, "--console", str(tmp_path / "log"), "--", "true").exit_code == 0
    assert "rig: ready" in (tmp_path / "log").read_text()
