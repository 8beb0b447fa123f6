"""Builds that try to get out: each of these succeeds, or sees something, when it runs without the sandbox."""

import asyncio
import errno
import os
import shutil
import signal
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from rig import proc
from rig.errors import BuildError, HostError, InputError
from rig.kernel import sandbox
from rig.kernel.build import build
from rig.kernel.sandbox import Sandbox
from rig.model import BuildFailure, Profile, Recipe, Source
from rig.progress import Silent
from tests.heard import Heard

Try = Callable[..., Awaitable[proc.Done]]


@pytest.fixture
async def box() -> Sandbox:
    """Return the sandbox of this host; CI must have bubblewrap, but whether it may make namespaces is not ours."""
    found = await sandbox.find()
    missing = shutil.which("bwrap") is None
    if found.why_not and not (missing and os.environ.get("CI")):
        pytest.skip(f"no sandbox here: {found.why_not}")
    assert not found.why_not
    return found


@pytest.fixture
def made(tmp_path: Path) -> Path:
    directory = tmp_path / "made"
    directory.mkdir()
    return directory


@pytest.fixture
def attempt(box: Sandbox, made: Path) -> Try:
    """Return a way to run a Makefile's recipe confined, in a directory that it may write."""

    async def run(recipe: str, *, seen: tuple[Path, ...] = (), env: dict[str, str] | None = None) -> proc.Done:
        (made / "Makefile").write_text(f"all:\n\t@{recipe}\n")
        argv = box.argv(("make", "--silent", "-C", made), made=(made,), seen=seen, env=env)
        return await proc.run(argv, env=env, check=False, limit=60)

    return run


async def test_it_makes_what_it_is_there_to_make(attempt: Try, made: Path) -> None:
    done = await attempt("echo 'int main(void) { return 0; }' | gcc -x c -o out - && ./out && echo ran")
    assert (done.output, done.status) == ("ran\n", 0)
    assert (made / "out").stat().st_uid == os.getuid()


async def test_the_rest_of_the_disk_cannot_be_written(attempt: Try, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    for place in (seen, Path("/usr"), Path("/etc"), Path("/")):
        assert (await attempt(f"touch {place}/planted", seen=(seen,))).status
        assert not (place / "planted").exists()


async def test_what_it_is_shown_can_be_read_by_its_name_and_where_it_is(attempt: Try, tmp_path: Path) -> None:
    real, name = tmp_path / "real", tmp_path / "name"
    real.mkdir()
    name.symlink_to(real)
    done = await attempt(f"cd {name} && pwd -P && cd {real}", seen=(name,))
    assert (done.output, done.status) == (f"{real}\n", 0)


async def test_home_directories_are_not_there(attempt: Try) -> None:
    home = Path.home()
    assert list(home.iterdir())  # or there would be nothing to hide
    assert (await attempt(f"test -e {home} || test -e /home || test -e /root")).status


@pytest.mark.parametrize("place", ["/run", "/etc/shadow", "/etc/ssl/private", "/var", "/sys", "/srv", "/mnt"])
async def test_nor_is_what_a_compiler_does_not_need(attempt: Try, place: str) -> None:
    assert (await attempt(f"test -e {place}")).status


async def test_temporary_files_are_its_own(attempt: Try, tmp_path: Path) -> None:
    outside = Path("/tmp") / f"rig-test-{os.getpid()}"
    outside.write_text("secret")
    try:
        done = await attempt(f"cat {outside}; echo planted > {outside}")
    finally:
        said = outside.read_text()
        outside.unlink()
    assert "secret" not in done.output
    assert said == "secret"


async def test_the_environment_is_what_it_is_given(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "KEPT", (*proc.KEPT, "TOKEN", "SSH_AUTH_SOCK"))
    monkeypatch.setenv("TOKEN", "secret")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent")
    said = (await attempt("env", env={"GIVEN": "1"})).output
    assert "GIVEN=1" in said
    assert "HOME=/tmp\n" in said
    assert "secret" not in said
    assert "SSH_AUTH_SOCK" not in said


CONNECT = 'python3 -c \'import socket; socket.create_connection(("127.0.0.1", {port}), 5); print("through")\''


async def test_the_network_cannot_be_reached_not_even_this_host(attempt: Try) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        here = await proc.run(("sh", "-c", CONNECT.format(port=port)))
        done = await attempt(CONNECT.format(port=port))
    assert here.output == "through\n"
    assert "through" not in done.output
    assert (await attempt("tail -n +3 /proc/net/dev | grep -v lo:")).status


async def test_an_abstract_socket_of_a_service_cannot_either(attempt: Try) -> None:
    name = f"rig-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        program = f"import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + {name!r})".replace("'", '"')
        assert (await attempt(f"python3 -c '{program}'")).status


async def test_it_is_not_root_and_cannot_become_it(attempt: Try) -> None:
    uid, *status = (await attempt("id -u; grep -E 'Cap(Prm|Eff|Bnd)|NoNewPrivs' /proc/self/status")).output.split("\n")
    assert uid == sandbox.NOBODY
    privileges = dict(line.split(":\t") for line in status if line)
    assert privileges == {"CapPrm": "0" * 16, "CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1"}


KEY = "import ctypes; libc = ctypes.CDLL(None); print(libc.syscall(250, {operation}))"  # keyctl
HOLD = "import ctypes; print(ctypes.CDLL(None).syscall(248, b'user', b'rig-test', b'secret', 6, -3))"  # add_key


async def test_keys_of_the_session_cannot_be_read(attempt: Try) -> None:
    key = (await proc.run(("python3", "-c", HOLD))).output.strip()
    for operation in (f"11, {key}, None, 0, 0", "0, -3, 1", "1, None"):  # read, find, join
        assert (await attempt(f"python3 -c '{KEY.format(operation=operation)}'")).output == "-1\n"


def test_the_filter_is_what_it_says_here() -> None:
    load, mask, equal, least, above, give = 0x20, 0x54, 0x15, 0x35, 0x25, 0x06
    program = (
        (load, 0, 0, 4),  # the architecture
        (equal, 0, 4, 0xC000003E),  # x86-64, or else i386
        (load, 0, 0, 0),  # the number of the system call
        (mask, 0, 0, 0xBFFFFFFF),  # that of x32 too
        (least, 0, 4, 248),  # add_key
        (above, 3, 4, 250),  # keyctl
        (load, 0, 0, 0),
        (least, 0, 1, 286),  # the same ones
        (above, 0, 1, 288),
        (give, 0, 0, 0x7FFF0000),  # let it
        (give, 0, 0, 0x00050000 | errno.ENOSYS),
    )
    assert sandbox.KEYLESS.read_bytes() == b"".join(struct.pack("=HBBI", *each) for each in program)


async def test_kernel_settings_cannot_be_changed(attempt: Try) -> None:
    # Where root runs the rig, the sandbox's user still owns what is root's; each is written what it says already.
    for setting in ("kernel/printk", "kernel/core_pattern"):
        said = Path("/proc/sys", setting).read_text().strip()
        assert (await attempt(f"echo '{said}' > /proc/sys/{setting}")).status


async def test_other_processes_are_not_there(attempt: Try) -> None:
    assert (await attempt(f"kill -0 {os.getpid()}")).status
    assert int((await attempt("ls -d /proc/[0-9]* | wc -l")).output) < 8


async def test_what_it_leaves_running_ends_with_it(attempt: Try) -> None:
    mark = f"{61 + os.getpid() / 1e7:.7f}"
    leave = f"setsid sh -c 'touch left; sleep {mark}' >/dev/null 2>&1 &"
    done = await attempt(f"{leave} while [ ! -e left ]; do sleep 0.01; done; echo left")
    assert done.output == "left\n"
    assert not await ended(mark)


async def ended(mark: str) -> list[psutil.Process]:
    """Wait for the processes with `mark` on their command line to end; return those that don't."""
    for _ in range(200):
        if not (left := marked(mark)):
            break
        await asyncio.sleep(0.05)
    return left


def marked(mark: str) -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if mark in (each.info["cmdline"] or ())]


# ---- ends


POLITE = "exec >/dev/null 2>&1; trap 'echo cleaned > polite; exit 1' TERM; touch begun; while :; do sleep 0.05; done"


async def begun(made: Path) -> None:
    async with asyncio.timeout(20):
        while not (made / "begun").exists():
            await asyncio.sleep(0.01)


async def test_cancelled_it_is_asked_to_end_before_it_is_killed(box: Sandbox, made: Path) -> None:
    task = asyncio.create_task(proc.run(box.argv(("sh", "-c", f"cd {made}; {POLITE}"), made=(made,))))
    await begun(made)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (made / "polite").read_text() == "cleaned\n"


async def test_one_that_will_not_end_is_killed(box: Sandbox, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "GRACE", 0.2)
    mark = f"{62 + os.getpid() / 1e7:.7f}"
    deaf = f"trap '' TERM; cd {made}; touch begun; setsid sleep {mark} & sleep {mark}; sleep {mark}"
    task = asyncio.create_task(proc.run(box.argv(("sh", "-c", deaf), made=(made,))))
    await begun(made)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await ended(mark)


RIG = """
import asyncio, sys
from pathlib import Path
from rig import proc
from rig.kernel import sandbox
async def main():
    box, made = await sandbox.find(), Path(sys.argv[1])
    await proc.run(box.argv(("sh", "-c", "cd " + sys.argv[1] + ";" + sys.argv[2]), made=(made,)))
asyncio.run(main())
"""


@pytest.fixture
async def rig(box: Sandbox, made: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", RIG, made, POLITE)
    await begun(made)
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_when_the_rig_dies_it_is_asked_to_end_and_ends(
    rig: asyncio.subprocess.Process, made: Path, number: signal.Signals
) -> None:
    rig.send_signal(number)
    await rig.wait()
    async with asyncio.timeout(20):
        while not (made / "polite").exists():
            await asyncio.sleep(0.01)


async def test_it_ends_even_when_all_that_holds_it_is_killed(rig: asyncio.subprocess.Process, made: Path) -> None:
    inside = [each for each in psutil.Process(rig.pid).children(recursive=True) if each.name() in ("sh", "sleep")]
    (holder,) = psutil.Process(rig.pid).children()
    assert holder.name() == "timeout"
    holder.kill()
    gone, alive = psutil.wait_procs(inside, timeout=10)
    assert (bool(gone), alive) == (True, [])


# ---- where there is none


async def test_without_bubblewrap_builds_are_not_confined_and_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig.kernel.sandbox.shutil.which", lambda _: None)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tmp_path}")  # what is known of another PATH does not count
    found, heard = await sandbox.find(), Heard()
    for _ in range(2):
        sandbox.tell(found, heard)
    assert found.argv(("make", "all"), made=()) == ("make", "all")
    assert heard.notes == [
        "builds run without a sandbox: bubblewrap is not installed; `rig doctor` says how to get a sandbox"
    ]


async def test_a_bubblewrap_that_does_not_work_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert (await sandbox.find()).why_not == "bwrap: No permissions to create new namespace"
    monkeypatch.setenv("RIG_SANDBOX", "on")
    with pytest.raises(HostError, match="no sandbox for builds: bwrap: No permissions"):
        await sandbox.find()


async def test_a_compiler_that_could_not_be_seen_counts_as_none(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "elsewhere"):
        (program := tmp_path / name / "bin" / f"gcc-{name}").parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "HOME"))
    assert (await sandbox.find(("make", "gcc-elsewhere"))).tools == (tmp_path / "elsewhere",)
    assert (await sandbox.find(("make", "gcc-HOME"))).why_not == "gcc-HOME is not found in it"


async def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIG_SANDBOX", "off")
    assert (await sandbox.find()).why_not == "RIG_SANDBOX=off"


async def test_another_word_for_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIG_SANDBOX", "no")
    with pytest.raises(InputError, match="RIG_SANDBOX=no: it is on, off or auto"):
        await sandbox.find()


# ---- whole builds


def recipe_of(tiny: Path, evil: str, *, before: str = "bzImage:") -> Recipe:
    """Return the kernel in miniature, whose Kbuild does something evil on the way."""
    text = (tiny / "Kbuild").read_text()
    assert text.count(f"\n{before}") == 1
    (tiny / "Kbuild").write_text(text.replace(f"\n{before}", f"\n{before} evil\nevil:\n>@{evil}\n{before}"))
    return Recipe(name="evil", source=Source(kind="tree", location=str(tiny)))


async def test_a_makefile_that_reaches_out_is_a_build_that_fails_and_says_so(
    box: Sandbox, tiny: Path, profile: Profile, tmp_path: Path
) -> None:
    (tmp_path / "victim").mkdir()
    failure = await build(recipe_of(tiny, f"touch {tmp_path}/victim/planted"), profile, Silent())
    assert isinstance(failure, BuildFailure)
    assert "touch: cannot touch" in failure.errors[0]
    assert "nothing to write but its own tree" not in failure.errors[0]
    assert not list((tmp_path / "victim").iterdir())


async def test_what_was_refused_by_the_sandbox_is_told_with_its_rules(
    box: Sandbox, tiny: Path, profile: Profile
) -> None:
    failure = await build(recipe_of(tiny, "touch /usr/planted"), profile, Silent())
    assert isinstance(failure, BuildFailure)
    assert failure.errors[-1] == sandbox.RULES


async def test_the_source_cannot_be_written(box: Sandbox, tiny: Path, profile: Profile) -> None:
    failure = await build(recipe_of(tiny, "echo 'int planted;' >> $(srctree)/main.c"), profile, Silent())
    assert isinstance(failure, BuildFailure)
    assert "main.c" in failure.errors[0]


@pytest.mark.parametrize("name", ["arch/x86/boot/bzImage", "vmlinux", ".config"])
async def test_a_link_is_no_kernel(tiny: Path, profile: Profile, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    last = ">  printf '6.1.0-tiny"
    text = (tiny / "Kbuild").read_text()
    assert last in text
    (tiny / "Kbuild").write_text(text.replace("cat vmlinux) > $@", f"cat vmlinux) > $@; ln -sf {secret} {name}"))
    with pytest.raises(BuildError, match=f"make left no file {name}"):
        await build(Recipe(name="evil", source=Source(kind="tree", location=str(tiny))), profile, Silent())


async def test_a_log_has_nothing_removed_outside_the_build_tree(tiny: Path, profile: Profile, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("dear")
    evil = f"echo '  CC      {victim}'; echo 'main.c:1:1: warning: odd [-Wodd]'; mkdir -p x; ln -sfn {tmp_path} out; "
    recipe = recipe_of(tiny, evil + "echo '  CC      out/victim'; echo 'main.c:1:1: warning: odd [-Wodd]'")
    await build(recipe, profile, Silent())
    await build(replace(recipe, kconfig=("CONFIG_TINY=y",)), profile, Silent())
    assert victim.read_text() == "dear"
