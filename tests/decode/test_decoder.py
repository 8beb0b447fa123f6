from dataclasses import replace
from pathlib import Path
from shutil import copy

import pytest

from rig.decode.decoder import Decoded, Decoder
from rig.errors import InputError
from rig.model import Frame, Location, Report, Trace
from rig.reports.touched import Change, Touched
from tests.decode.conftest import Miniature, compile_to


def report(*lines: str, lead: int = 0, frames: tuple[Frame, ...] = ()) -> Report:
    traces = (Trace(what="Call Trace", frames=frames),) if frames else ()
    return Report(title="BUG: x", text="\n".join(lines), lead=lead, traces=traces)


async def decoded(decoder: Decoder, *lines: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the lines of a report below the one that names it, and the notes."""
    done = await decoder.decode([report("BUG: x", *lines)])
    return done.reports[0].text.split("\n")[1:], done.notes


async def test_a_return_address_is_that_of_the_call_before_it(miniature: Miniature) -> None:
    lines, notes = await decoded(Decoder(miniature.vmlinux), f" {miniature.at_trap('outer', 2)}")
    assert lines == [
        " check (lib/check.h:4) [inline]",
        f" {miniature.at_trap('outer', 2)} (init/main.c:8)",
    ]
    assert notes == ()


async def test_what_was_executed_is_taken_as_it_is(miniature: Miniature) -> None:
    lines, _ = await decoded(Decoder(miniature.vmlinux), f"RIP: 0010:{miniature.at_trap('outer')}")
    assert lines == [
        " check (lib/check.h:4) [inline]",
        f"RIP: 0010:{miniature.at_trap('outer')} (init/main.c:8)",
    ]
    lines, _ = await decoded(Decoder(miniature.vmlinux), f" {miniature.at_trap('outer')}")
    assert "check.h:4" not in lines[0]


async def test_a_mention_gets_no_inlined_lines(miniature: Miniature) -> None:
    site = miniature.at_trap("outer", 2)
    lines, _ = await decoded(Decoder(miniature.vmlinux), f" #0: ffff (&l){{+.+.}}-{{2:2}}, at: {site}")
    assert lines == [f" #0: ffff (&l){{+.+.}}-{{2:2}}, at: {site} (init/main.c:8)"]


async def test_names_with_suffixes_and_mangled_ones(miniature: Miniature) -> None:
    sites = [miniature.at_trap(name, 2) for name in ("shrunk.isra.0", "_RNvC3drv4ring")]
    lines, _ = await decoded(Decoder(miniature.vmlinux), *(f" {site}" for site in sites))
    assert lines == [f" {sites[0]} (init/main.c:22)", f" {sites[1]} (init/main.c:28)"]


async def test_a_function_in_a_header_is_the_same_wherever_it_was_compiled(miniature: Miniature) -> None:
    lines, _ = await decoded(Decoder(miniature.vmlinux), f" {miniature.at_trap('common', 2)}")
    assert lines[0].endswith(" (lib/check.h:9)")


async def test_one_of_two_functions_of_a_name_is_not_guessed(miniature: Miniature) -> None:
    site = miniature.at_trap("twin", 2)
    lines, notes = await decoded(Decoder(miniature.vmlinux), f" {site}")
    assert lines == [f" {site}"]
    assert "twin" in notes[0]


async def test_a_module_near_the_kernel(miniature: Miniature) -> None:
    module = miniature.vmlinux.parent / "drivers/ring-dev.ko"
    site = f"{miniature.at_trap('ring_push', 2, file=module)} [ring_dev]"
    lines, _ = await decoded(Decoder(miniature.vmlinux), f" {site}", f" {site[:-1]} 0123abcd]")
    assert lines == [f" {site} (drivers/net/ring-dev.c:3)", f" {site[:-1]} 0123abcd] (drivers/net/ring-dev.c:3)"]


async def test_a_module_that_is_not_there(miniature: Miniature) -> None:
    lines, notes = await decoded(Decoder(miniature.vmlinux), " kvm_x+0x1/0x2 [kvm]", f" {miniature.at_trap('outer')}")
    assert lines[0] == " kvm_x+0x1/0x2 [kvm]"
    assert lines[-1].endswith(")")
    assert [note for note in notes if "no kvm.ko near" in note]


async def test_a_report_of_another_build_is_left_alone(miniature: Miniature) -> None:
    mine = report("BUG: x", f" {miniature.at_trap('outer', 2)}")
    other = report("BUG: x", f" {miniature.at_trap('outer', 2)}", " start_kernel+0x1/0x999")
    done = await Decoder(miniature.vmlinux).decode([other, mine])
    assert done.reports[0] == other
    assert done.reports[1].place
    assert done.reports[1].place.file == "init/main.c"
    assert "1 report is of another kernel" in done.notes[0]


async def test_a_line_cut_off_is_no_sign_of_another_build(miniature: Miniature) -> None:
    site = miniature.at_trap("outer", 2)
    lines, _ = await decoded(Decoder(miniature.vmlinux), f" {site}", f" {site[:-1]}")
    assert lines[1:] == [f" {site} (init/main.c:8)", f" {site[:-1]}"]


async def test_frames_guilty_and_lead(miniature: Miniature) -> None:
    site = miniature.at_trap("outer", 2)
    offset, size = (int(word, 16) for word in site.partition("+")[2].split("/"))
    frames = (Frame(function="outer", offset=offset, size=size), Frame(function="outer"), Frame(function="x"))
    given = report("earlier", f" {site}", "BUG: x", f" {site}", lead=2, frames=frames)
    done = (await Decoder(miniature.vmlinux).decode([given])).reports[0]
    at = (
        Location(function="check", file="lib/check.h", line=4),
        Location(function="outer", file="init/main.c", line=8),
    )
    assert done.traces[0].frames == (replace(frames[0], at=at), *frames[1:])
    assert done.place
    assert done.place.file == "init/main.c"
    assert done.text.split("\n")[done.lead] == "BUG: x"
    assert done.lead == 3


async def test_what_the_patch_touches_is_marked(miniature: Miniature) -> None:
    touched = Touched(files={"init/main.c": Change(functions=frozenset({"outer"}))})
    site = miniature.at_trap("outer", 2)
    lines, _ = await decoded(Decoder(miniature.vmlinux, touched=touched), f" {site}")
    assert lines == [" check (lib/check.h:4) [inline]", f" {site} (init/main.c:8) <- patched"]


async def test_what_is_decoded_stays_as_it_is(miniature: Miniature) -> None:
    decoder = Decoder(miniature.vmlinux)
    once = await decoder.decode([report("BUG: x", f" {miniature.at_trap('outer', 2)}")])
    assert await decoder.decode(once.reports) == once


async def test_a_second_look_needs_no_process(miniature: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(miniature.vmlinux)
    given = [report("BUG: x", f" {miniature.at_trap('outer', 2)}")]
    first = await decoder.decode(given)
    monkeypatch.setattr("rig.proc.spawn", None)
    assert await decoder.decode(given) == first


async def test_nothing_to_decode_starts_nothing(miniature: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.proc.spawn", None)
    assert await Decoder(miniature.vmlinux).decode([]) == Decoded(reports=())


async def test_a_kernel_without_debug_information(miniature: Miniature, tmp_path: Path) -> None:
    link = ("-g0", "-static", "-nostdlib", "-no-pie", "-Wl,-e,start_kernel")
    vmlinux = compile_to(tmp_path / "vmlinux", *link, miniature.tree / "init/main.c")
    given = report("BUG: x", f" {miniature.at_trap('outer')}")
    done = await Decoder(vmlinux).decode([given])
    assert done.reports == (given,)
    assert "no debug information" in done.notes[0]


async def test_a_tree_names_files_where_the_kernel_does_not(miniature: Miniature, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(
        'int f(int x)\n{\n\tasm volatile("ud2");\n\treturn x;\n}\nint _start(void) { return 1; }\n'
    )
    link = ("-static", "-nostdlib", "-no-pie")
    vmlinux = compile_to(tmp_path / "vmlinux", *link, tmp_path / "a.c")
    site = miniature.at_trap("f", 2, file=vmlinux)
    assert (await decoded(Decoder(vmlinux, tree=tmp_path), f" {site}"))[0] == [f" {site} (a.c:3)"]
    assert (await decoded(Decoder(vmlinux), f" {site}"))[0] == [f" {site} ({tmp_path}/a.c:3)"]


async def test_a_header_that_the_build_made_is_named_without_the_builds_directory(
    miniature: Miniature, tmp_path: Path
) -> None:
    directory = tmp_path / "build-x/arch/x86/include/generated/asm"
    directory.mkdir(parents=True)
    (directory / "calls.c").write_text(
        'int f(int x)\n{\n\tasm volatile("ud2");\n\treturn x;\n}\nint _start(void) { return 1; }\n'
    )
    vmlinux = compile_to(tmp_path / "vmlinux", "-static", "-nostdlib", "-no-pie", directory / "calls.c")
    site = miniature.at_trap("f", 2, file=vmlinux)
    told = (await decoded(Decoder(vmlinux), f" {site}"))[0]
    assert told == [f" {site} (arch/x86/include/generated/asm/calls.c:3)"]


def test_what_is_no_kernel(tmp_path: Path, miniature: Miniature) -> None:
    path = tmp_path / "vmlinux"
    with pytest.raises(InputError):
        Decoder(path)
    for content in (b"", b"\x7fELF", b"MZ" * 1000, miniature.vmlinux.read_bytes()[:5000]):
        path.write_bytes(content)
        with pytest.raises(InputError) as raised:
            Decoder(path)
        assert raised.value.hint


async def test_a_module_that_is_broken(tmp_path: Path, miniature: Miniature) -> None:
    (tmp_path / "kvm.ko").write_bytes(b"\x7fELF")
    copy(miniature.vmlinux, tmp_path / "vmlinux")
    with pytest.raises(InputError):
        await decoded(Decoder(tmp_path / "vmlinux"), " kvm_x+0x1/0x2 [kvm]")
