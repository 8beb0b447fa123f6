"""The type of a report by its title. No I/O."""

import re
from functools import lru_cache

_OUT_OF_BOUNDS = "(?:(?:global-|slab-|stack-|vmalloc-)?out-of-bounds|user-memory-access|wild-memory-access)"

TYPES: tuple[tuple[str, str], ...] = (  # the start of a title, the first that fits
    ("KFENCE: use-after-free write", "KFENCE-USE-AFTER-FREE-WRITE"),
    ("KFENCE: use-after-free", "KFENCE-USE-AFTER-FREE-READ"),
    ("KFENCE: (?:invalid|out-of-bounds) write", "KFENCE-WRITE"),
    ("KFENCE: (?:invalid read|out-of-bounds)", "KFENCE-READ"),
    ("KFENCE: memory corruption", "KFENCE-MEMORY-CORRUPTION"),
    ("KFENCE: invalid free", "KFENCE-INVALID-FREE"),
    ("KFENCE:", "KFENCE-UNKNOWN"),
    ("KMSAN: uninit-value", "KMSAN-UNINIT-VALUE"),
    ("KMSAN: (?:kernel-(?:usb-)?infoleak-after-free|use-after-free)", "KMSAN-USE-AFTER-FREE-READ"),
    ("KMSAN: kernel-(?:usb-)?infoleak", "KMSAN-INFO-LEAK"),
    ("KMSAN:", "KMSAN-UNKNOWN"),
    ("KASAN: null-ptr-deref Write", "KASAN-NULL-POINTER-DEREFERENCE-WRITE"),
    ("KASAN: null-ptr-deref Read", "KASAN-NULL-POINTER-DEREFERENCE-READ"),
    (f"KASAN: {_OUT_OF_BOUNDS} Write", "KASAN-WRITE"),
    (f"KASAN: (?:{_OUT_OF_BOUNDS}|invalid-access|unknown-crash) Read", "KASAN-READ"),
    ("KASAN: (?:slab-out-of-bounds|stack-out-of-bounds|wild-memory-access)", "KASAN-READ"),
    ("KASAN: (?:double-free or )?invalid-free|KASAN: double-free", "KASAN-INVALID-FREE"),
    ("KASAN: (?:slab-)?use-after-free Write", "KASAN-USE-AFTER-FREE-WRITE"),
    ("KASAN: (?:slab-use-after-free Read|use-after-free)", "KASAN-USE-AFTER-FREE-READ"),
    ("KASAN:", "KASAN-UNKNOWN"),
    ("KCSAN: data-race", "KCSAN-DATARACE"),
    ("KCSAN: assert: race in", "KCSAN-ASSERT"),
    ("KCSAN:", "KCSAN-UNKNOWN"),
    ("UBSAN: array-index-out-of-bounds", "MEMORY_SAFETY_UBSAN"),
    ("UBSAN:", "UBSAN"),
    ("BUG: unable to handle kernel NULL pointer dereference in", "NULL-POINTER-DEREFERENCE"),
    ("BUG: (?:corrupted list|unable to handle kernel paging request)", "MEMORY_SAFETY_BUG"),
    ("WARNING: refcount bug", "REFCOUNT_WARNING"),
    ("(?:BUG|WARNING): (?:bad unlock balance|held lock freed|still has locks held) in", "LOCKDEP"),
    ("BUG: (?:rwlock|spinlock|using)", "LOCKDEP"),
    ("WARNING: (?:lock held|(?:locking bug|nested lock was not taken|suspicious RCU usage) in)", "LOCKDEP"),
    ("(?:inconsistent lock state|possible deadlock) in", "LOCKDEP"),
    ("BUG: (?:scheduling while atomic|sleeping function called from invalid context) in", "ATOMIC_SLEEP"),
    ("memory leak in|kmemleak:", "LEAK"),
    ("BUG: bad usercopy in|kernel BUG", "BUG"),
    ("WARNING: (?:corrupted|kernel stack (?:frame pointer has bad value|regs has bad))", ""),
    ("BUG: (?:soft|hard) lockup in|INFO: (?:rcu detected stall|task can't die|task hung) in", "HANG"),
    ("BUG: Object already free", "DoS"),
    (r"BUG [\w:-]+: ", "MEMORY_SAFETY_BUG"),
    ("machine check|hardware error", "HARDWARE"),
    ("(?:Alignment trap|Internal error|Unhandled fault|divide error|general protection fault) in", "DoS"),
    ("(?:int3|invalid opcode|Oops|stack segment fault) in", "DoS"),
    ("PANIC: double fault|go runtime error|kernel panic:|kernel stack overflow|panic:|trusty:", "DoS"),
    ("VFS: (?:Close: file count is zero|Busy inodes after unmount)", "DoS"),
    ("rust_kernel panicked|unregister_netdevice", "DoS"),
    ("no output from test machine", "NO_OUTPUT"),
    ("lost connection to test machine", "LOST_CONNECTION"),
    ("unexpected kernel reboot", "REBOOT"),
    ("SYZFAIL|SYZFATAL:", "SYZ_FAILURE"),
    ("WARNING", "WARNING"),
)

_TYPES = tuple((re.compile(start), name) for start, name in TYPES)


@lru_cache
def type_of(title: str) -> str:
    """Return the type of a title, "" if it has none."""
    return next((name for start, name in _TYPES if start.match(title)), "")
