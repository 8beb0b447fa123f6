"""What is recorded: which kernel commits which crimes, and what its console then says. No I/O."""

from dataclasses import dataclass
from typing import Literal

QUIET_BOOT = ("loglevel=5",)  # init says that it is done at level 4
LOUD = "dmesg -n 8"
DIRECT = "/sys/kernel/debug/provoke-crash/DIRECT"
DEMAND = "/sys/kernel/debug/misbehave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One boot. `says` is a pattern for what comes last on its console; without it the recording has failed."""

    name: str
    kernel: Literal["checked", "bare"]
    says: str
    steps: tuple[str, ...] = ()  # commands in the guest
    cmdline: tuple[str, ...] = ()
    monitor: str = ""  # a command for QEMU, after the steps


def crime(*names: str) -> tuple[str, ...]:
    """Return the commands that commit these crimes; each in a shell of its own, which may not survive."""
    return tuple(f"sh -c 'echo {name} > {DIRECT if name.isupper() else DEMAND}'" for name in names)


def at(path: str, value: object) -> str:
    """Return the command that gives a parameter of the kernel a value."""
    return f"echo {value} > {path}"


def lockdep(name: str, *names: str, says: str = "</TASK>") -> Recording:
    """Return a recording of what lockdep says; after its first report it is silent."""
    return Recording(name=f"lockdep-{name}", kernel="checked", steps=crime(*names), says=says)


SOFT = "/proc/sys/kernel/watchdog_thresh"  # half the seconds after which a CPU is stuck; the hard lockup's seconds
STALL = "/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout"
HUNG = "/proc/sys/kernel/hung_task_timeout_secs"
HUNG_CHECK = "/proc/sys/kernel/hung_task_check_interval_secs"
HUNG_WARNINGS = "/proc/sys/kernel/hung_task_warnings"
WORKQUEUE = "/sys/module/workqueue/parameters/watchdog_thresh"
FAILSLAB = "/sys/kernel/debug/failslab"
KCSAN = "/sys/kernel/debug/kcsan"
KMEMLEAK = "/sys/kernel/debug/kmemleak"
DELAYED = at("/proc/sys/kernel/printk_delay", 2)  # ms a line, in which the other CPU gets its line in
MOUNT = "mkdir -p /mnt && mount -t tmpfs tmpfs /mnt && touch /mnt/kept"

# Objects younger than 5 s are spared, and the first scan only notes what they hold.
LEAK = (*crime("leak"), "sleep 7", at(KMEMLEAK, "scan"), at(KMEMLEAK, "scan"))

RECORDINGS = (
    # ---- memory
    Recording(
        name="kasan-heap",
        kernel="checked",
        steps=crime("heap-read", "heap-write"),
        says=r"(?s)slab-out-of-bounds.*slab-out-of-bounds.*Memory state",
    ),
    Recording(
        name="kasan-free",
        kernel="checked",
        steps=crime("double-free", "invalid-free"),
        says=r"(?s)double-free.*invalid-free.*Memory state",
    ),
    Recording(
        name="kasan-elsewhere",
        kernel="checked",
        steps=crime("global-read", "stack-write", "vmalloc-read"),
        says=r"(?s)global-out.*stack-out.*vmalloc-out.*Memory state",
    ),
    Recording(
        name="kasan-after-free-in-timer",
        kernel="checked",
        steps=crime("use-after-free"),
        says=r"(?s)use-after-free.*Memory state",
    ),
    Recording(
        name="slub",
        kernel="bare",
        cmdline=("slub_debug=FZPU",),
        steps=crime("redzone", "poison", "double-free"),
        says=r"(?s)Redzone overwritten.*Poison overwritten.*Object already free.*FIX",
    ),
    Recording(
        name="kfence",
        kernel="bare",
        cmdline=("kfence.sample_interval=5",),
        steps=crime("kfence-read", "kfence-write", "kfence-use-after-free", "kfence-invalid-free", "kfence-corruption"),
        says=r"(?s)bounds read.*bounds write.*after-free read.*invalid free.*corruption.*={40}",
    ),
    Recording(
        name="kmemleak",
        kernel="bare",
        cmdline=("kmemleak=on", "kmemleak.verbose=1"),
        steps=LEAK,
        says=r"new suspected memory leaks",
    ),
    Recording(
        name="kmemleak-debugfs",
        kernel="bare",
        cmdline=("kmemleak=on",),
        steps=(*LEAK, f"cat {KMEMLEAK} > /dev/console"),
        says=r"(?s)unreferenced object.*unreferenced object.*entry_SYSCALL",
    ),
    Recording(
        name="page-state",
        kernel="bare",
        cmdline=("page_owner=on",),
        steps=(*crime("bad-page", "rss"), *("sleep 1",) * 4),  # an idle CPU gives the memory back late
        says=r"(?s)Bad page state.*pgtables_bytes",
    ),
    Recording(
        name="usercopy",
        kernel="checked",
        steps=crime("USERCOPY_SLAB_SIZE_TO", "USERCOPY_STACK_FRAME_FROM"),
        says=r"(?s)kernel BUG at mm/usercopy.*kernel BUG at mm/usercopy.*end trace",
    ),
    Recording(
        name="list-warning",
        kernel="checked",
        steps=crime("CORRUPT_LIST_ADD", "CORRUPT_LIST_DEL"),
        says=r"(?s)list_add corruption.*list_del corruption.*end trace",
    ),
    Recording(
        name="list-bug",
        kernel="bare",
        steps=crime("CORRUPT_LIST_ADD", "CORRUPT_LIST_DEL"),
        says=r"(?s)list_add corruption.*list_del corruption.*end trace",
    ),
    Recording(
        name="ubsan",
        kernel="checked",
        steps=crime("array-index", "shift"),
        says=r"(?s)array-index-out.*shift-out.*</TASK>",
    ),
    Recording(name="odebug", kernel="checked", steps=crime("free-timer"), says=r"(?s)ODEBUG: free active.*end trace"),
    Recording(
        name="fault-injection",
        kernel="checked",
        steps=(
            *(at(f"{FAILSLAB}/{name}", value) for name, value in (("probability", 100), ("times", 1))),
            *(at(f"{FAILSLAB}/{name}", value) for name, value in (("task-filter", "Y"), ("verbose", 2))),
            at(f"{FAILSLAB}/ignore-gfp-wait", "N"),
            *crime("failed-allocation"),
        ),
        says=r"(?s)forcing a failure.*end trace",
    ),
    # ---- faults
    Recording(
        name="null-pointer-kasan",
        kernel="checked",
        steps=crime("null-read", "null-call"),
        says=r"(?s)null-ptr-deref in range.*address: 0000000000000000.*end trace",
    ),
    Recording(
        name="faults",
        kernel="bare",
        steps=crime("null-write", "null-call", "wild-read", "unmapped-read", "WRITE_RO", "EXEC_DATA"),
        says=r"(?s)non-canonical.*permissions violation.*execute NX.*end trace",
    ),
    Recording(
        name="traps",
        kernel="bare",
        steps=crime("divide-error", "invalid-opcode", "int3"),
        says=r"(?s)divide error.*invalid opcode.*int3.*Kernel Offset",
    ),
    Recording(
        name="double-fault", kernel="bare", steps=crime("double-fault"), says=r"(?s)PANIC: double.*Kernel Offset"
    ),
    Recording(
        name="stack-guard-page", kernel="bare", steps=crime("EXHAUST_STACK"), says=r"(?s)guard page was hit.*end trace"
    ),
    Recording(
        name="stack-protector",
        kernel="bare",
        steps=crime("CORRUPT_STACK"),
        says=r"(?s)stack-protector.*Kernel Offset",
    ),
    Recording(
        name="stack-end", kernel="bare", steps=crime("stack-end"), says=r"(?s)corrupted stack end.*Kernel Offset"
    ),
    Recording(
        name="machine-check",
        kernel="bare",
        monitor="mce -b 1 2 0xb200000000070005 0x5 0x0 0x0",
        says=r"(?s)Hardware Error.*Kernel Offset",
    ),
    # ---- hangs
    Recording(
        name="soft-lockup",
        kernel="checked",
        steps=(at(SOFT, 2), *crime("soft-lockup")),
        says=r"(?s)BUG: soft lockup.*</TASK>",
    ),
    Recording(
        name="stall-of-one-spin",
        kernel="checked",
        steps=(at(SOFT, 2), at(STALL, 3), *crime("soft-lockup")),
        says=r"(?s)BUG: soft lockup.*self-detected stall.*</TASK>",
    ),
    Recording(
        name="rcu-stall-self",
        kernel="checked",
        steps=(at(STALL, 3), *crime("rcu-stall")),
        says=r"(?s)self-detected stall.*</TASK>",
    ),
    Recording(
        name="rcu-stall-other",
        kernel="checked",
        steps=(at(STALL, 3), *crime("rcu-stall-elsewhere")),
        says=r"(?s)detected stalls.*NMI backtrace.*</TASK>",
    ),
    Recording(
        name="rcu-stall-reader",
        kernel="bare",
        steps=(at(STALL, 3), *crime("rcu-stall-reader")),
        says=r"(?s)INFO: rcu_preempt.*</TASK>",
    ),
    Recording(
        name="hard-lockup",
        kernel="checked",
        steps=(at(SOFT, 3), *crime("hard-lockup")),
        says=r"(?s)hard LOCKUP.*</TASK>",
    ),
    Recording(
        name="hung-task",
        kernel="checked",
        steps=(at(HUNG, 3), at(HUNG_CHECK, 1), at(HUNG_WARNINGS, 1), *crime("hung-task")),
        says=r"(?s)blocked for more than.*locks held in the system.*===",
    ),
    Recording(
        name="workqueue-lockup",
        kernel="checked",
        steps=(at(WORKQUEUE, 3), *crime("workqueue-lockup")),
        says=r"(?s)workqueue lockup.*pending",
    ),
    # ---- rules
    lockdep("recursive", "recursive"),
    lockdep("chain", "chain"),
    lockdep("inconsistent", "inconsistent"),
    lockdep("inversion", "inversion"),
    lockdep("unsafe-order", "unsafe-order"),
    lockdep("unlock-balance", "unlock-balance"),
    lockdep("held-freed", "free-held"),
    lockdep("returns-locked", "return-locked", says="locks? held by"),
    lockdep("exits-locked", "exit-locked"),
    lockdep("wait-context", "wait-context", says=r"(?s)Invalid wait context.*</TASK>"),
    lockdep("no-key", "no-key"),
    lockdep("leaked-by-work", "leak-lock"),
    Recording(
        name="atomic",
        kernel="bare",
        steps=crime("no-key", "which-cpu", "nap"),
        says=r"(?s)bad magic.*in preemptible.*while atomic.*</TASK>",
    ),
    # ---- two at once
    Recording(
        name="together-callers",
        kernel="checked",
        steps=(DELAYED, *crime("together")),
        says=r"(?s)(?:end trace.*Memory state|Memory state.*end trace)",
    ),
    Recording(name="together", kernel="bare", steps=(DELAYED, *crime("together")), says=r"(?s)end trace.*end trace"),
    Recording(
        name="kcsan",
        kernel="bare",
        cmdline=("kcsan.udelay_task=10000",),  # us for which an access is watched: emulated CPUs take turns
        steps=(
            *(at(KCSAN, word) for word in ("whitelist", "!mis_look", "!mis_increment", "!mis_own", "on")),
            *crime("race"),
            "sleep 13",
            *crime("not-alone"),
        ),
        says=r"(?s)KCSAN: data-race.*KCSAN: assert: race.*={40}",
    ),
    # ---- references and ends
    Recording(
        name="still-in-use",
        kernel="checked",
        steps=(
            *(MOUNT, *crime("keep-dentry"), "umount /mnt"),
            *(MOUNT, *crime("keep-inode"), "umount /mnt"),
            *crime("keep-netdev"),
        ),
        says=r"(?s)Dentry.*Busy inodes.*unregister_netdevice: waiting",
    ),
    Recording(
        name="panic-on-warn",
        kernel="checked",
        steps=(at("/proc/sys/kernel/panic_on_warn", 1), *crime("WARNING")),
        says=r"(?s)panic_on_warn set.*Kernel Offset",
    ),
    Recording(
        name="init-killed",
        kernel="checked",
        cmdline=("rdinit=/bin/false",),
        says=r"(?s)Attempted to kill init.*Kernel Offset",
    ),
)
