"""A kernel in miniature: a Makefile that answers to kbuild's targets and compiles two files."""

import os
import subprocess
from pathlib import Path

MAKEFILE = r"""
.RECIPEPREFIX = >
$(MAKECMDGOALS): inside
inside:
>@$(MAKE) --no-print-directory -C $(O) -f $(CURDIR)/Kbuild srctree=$(CURDIR) $(MAKECMDGOALS)
"""
KBUILD = r"""
.RECIPEPREFIX = >
objs := $(patsubst $(srctree)/%.c,%.o,$(wildcard $(srctree)/*.c))
CC ?= gcc
counts = $(if $(CONFIG_GCOV_PROFILE_ALL),$(CFLAGS_GCOV))
bzImage: arch/x86/boot/bzImage
%.o: $(srctree)/%.c .config
>@echo '  CC      $@'
>@$(CC) -Wall $(counts) -c -o $@ $<
>@(echo 'cmd_$@ := $(CC) -Wall $(counts) -c -o $@ $<'; $(CC) -MM $<) > .$@.cmd
vmlinux: $(objs)
>@echo '  LD      $@'
>@ld -r -o $@ $^
arch/x86/boot/bzImage: vmlinux
>@echo '  BUILD   $@'
>@mkdir -p $(@D)
>@(head -c 514 /dev/zero; printf HdrS; head -c 8 /dev/zero; printf '\000\002'; head -c 496 /dev/zero; \
>  printf '6.1.0-tiny (%s@%s)\000' $(KBUILD_BUILD_USER) $(KBUILD_BUILD_HOST); cat vmlinux) > $@
tinyconfig:
>@printf 'CONFIG_TINY=y\n# CONFIG_KASAN is not set\n' > .config
olddefconfig:
>@grep -v NEEDS_MORE .config > .config.new; mv .config.new .config
"""
KCONFIG = """
config KASAN
	bool "find memory errors"
config NEEDS_MORE
	bool "more"
	depends on MORE && KASAN
"""
MAIN = """
int beside(void);
int first(void);
int first(void)
{
	return 1;
}

/* so far apart that a patch can have two hunks */




int second(void);
int second(void)
{
	return beside();
}
"""
FILES = {
    "Makefile": MAKEFILE,
    "Kbuild": KBUILD,
    "Kconfig": KCONFIG,
    "main.c": MAIN,
    "beside.c": "int beside(void);\nint beside(void)\n{\n\treturn 2;\n}\n",
    ".gitignore": "*.o\n",
}
WARNING = """--- a/main.c
+++ b/main.c
@@ -4,3 +4,4 @@ int first(void);
 int first(void)
 {
+\tint unused;
 \treturn 1;
"""
BROKEN = WARNING.replace("int unused;", "nonsense;")


def git(directory: Path, *words: str) -> str:
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(
        ("git", *identity, "-C", directory, *words), check=True, env=env, capture_output=True, text=True
    ).stdout.strip()
