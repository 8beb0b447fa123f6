from rig.kernel import diagnostics
from rig.model import CompilerWarning

TREE = "/cache/tree"
LOG = """\
make[1]: Entering directory
  SYNC    include/config/auto.conf.cmd
  CC      arch/x86/kvm/mmu/tdp_mmu.o
/cache/tree/arch/x86/kvm/mmu/tdp_mmu.c: In function ‘zap’:
/cache/tree/arch/x86/kvm/mmu/tdp_mmu.c:991:13: warning: unused variable ‘a’ [-Wunused-variable]
  991 |         int a;
      |             ^
/cache/tree/arch/x86/kvm/mmu/tdp_mmu.c: At top level:
/cache/tree/arch/x86/kvm/mmu/tdp_mmu.c:1200:13: warning: ‘f’ defined but not used [-Wunused-function]
  CC [M]  lib/quiet.o
  CC      lib/loud.o
In file included from /cache/tree/lib/loud.c:3:
/cache/tree/include/linux/x.h:7:2: warning: #warning "no" [-Wcpp]
  LD      vmlinux.o
vmlinux.o: warning: objtool: foo+0x12: unreachable instruction
  LD      vmlinux
ld: warning: x has a LOAD segment with RWX permissions
"""


def warning(file: str, line: int, function: str, flag: str, text: str) -> CompilerWarning:
    return CompilerWarning(file=file, line=line, function=function, flag=flag, text=text)


def test_warnings_have_file_function_flag_and_text() -> None:
    assert diagnostics.warnings(LOG.splitlines(), TREE) == (
        warning("arch/x86/kvm/mmu/tdp_mmu.c", 991, "zap", "-Wunused-variable", "unused variable ‘a’"),
        warning("arch/x86/kvm/mmu/tdp_mmu.c", 1200, "", "-Wunused-function", "‘f’ defined but not used"),
        warning("include/linux/x.h", 7, "", "-Wcpp", '#warning "no"'),
        warning("vmlinux.o", 0, "", "", "objtool: foo: unreachable instruction"),
        warning("ld", 0, "", "", "x has a LOAD segment with RWX permissions"),
    )


def test_a_function_does_not_outlast_its_step() -> None:
    lines = ["  CC      a.o", "a.c: In function ‘f’:", "  CC      b.o", "b.c:1:1: warning: empty unit [-Wpedantic]"]
    (found,) = diagnostics.warnings(lines, TREE)
    assert found.function == ""


def test_warned_names_the_targets_to_be_made_again() -> None:
    assert diagnostics.warned(LOG.splitlines()) == {
        "arch/x86/kvm/mmu/tdp_mmu.o",
        "lib/loud.o",
        "vmlinux.o",
        "vmlinux",
    }


def test_errors_are_the_lines_that_say_why() -> None:
    lines = [
        "  CC      a.o",
        "/cache/tree/a.c:3:2: error: unknown type name ‘nonsense’",
        "a.c:9:1: fatal error: no.h: No such file or directory",
        "ld: a.o: in function `f': undefined reference to `g'",
        'ERROR: modpost: "x" undefined!',
        "make[2]: *** [Makefile:3: a.o] Error 1",
    ]
    assert diagnostics.errors(lines, TREE) == ("a.c:3:2: error: unknown type name ‘nonsense’", *lines[2:5])


def test_without_such_lines_it_is_where_make_stopped_and_what_was_said_before() -> None:
    lines = ["  GEN     x.h", "sh: broken", "make[2]: *** [Makefile:3: x.h] Error 2", "make: *** [all] Error 2"]
    assert diagnostics.errors(lines, TREE) == tuple(lines[1:])
