"""What opens a report and how it is titled: one row a kind of report. No I/O.

In a trigger `…` is anything in the same line. Within a group the row whose trigger comes first in the text wins; of
two at the same place, the upper one.
"""

from rig.reports.rules import FUNC, NAME, PC, Group, Pick, Seek, Take, group, matcher, row

IN = Take.IN
STACK = Take.STACK
HEX = "[0-9a-f]+"
ADDRESS = r"(?:0x[0-9a-f]+|[0-9a-f]{8,16})\b"
CALL = Seek(matcher(r"Call [Tt]race:|Backtrace:"))
IP = Seek(
    matcher(
        rf"(?:(?:IP|NIP|pc |PC is at):? (?:\d{{4}}: *)?(?:{PC} *){{0,2}}|Krnl PSW : {HEX} {HEX} \()"
        rf"(?:{NAME}|{ADDRESS}|\(null\))"
    )
)
POWERPC_TRAP = rf"--- interrupt: [0-9a-f]+ at (?:{PC} )?{NAME}"
WARN_IP = Seek(matcher(rf"{IP.pattern.pattern}|{POWERPC_TRAP}"))
AT = Seek(matcher(rf"at: (?:{PC} *)?{NAME}"))
PC_LINE = Seek(matcher(rf"{PC} *{NAME}"))

FAULT = ((IP, CALL, STACK),)
CALLED = ((CALL, STACK),)
WARN = ((WARN_IP, STACK), (CALL, STACK))
STALL = (
    (Seek(matcher("apic_timer_interrupt")), IP, STACK),
    (Seek(matcher("apic_timer_interrupt|Exception stack|el1h_64_irq")), STACK),
)
ORIGIN = ((STACK, Seek(matcher("(?:Local variable .*|Uninit was )created at:")), STACK),)
UNLOCK = ((PC_LINE, CALL, STACK),)

_TRACE_STARTS = (
    "Call [Tt]race",
    "Allocated:",
    r"Allocated by task \d+:",
    "Freed:",
    r"Freed by task \d+:",
    r"(?:^|[^k]) backtrace(?: \(crc [0-9a-f]+\))?:",
    "Backtrace:",
    "Uninit was stored to memory at",
    "status: [0-9a-f]+ badaddr: [0-9a-f]+ cause: ",  # riscv's registers
)
TRACE_START = matcher("|".join(f"({start})" for start in _TRACE_STARTS))  # lastindex is the kind
TRACE_WORDS = ("Call ", "acktrace", "Allocated", "Freed", "Uninit", "badaddr")  # each of them has one of these
REGISTERS = len(_TRACE_STARTS)  # the kind no frames need to follow
FRAME = matcher(rf"^(?:kmemleak: )?[ \t]*(?:{PC} *){{0,2}}(?:(_[RZ][\w$.]+)(?=\+)|{NAME})")
ARM_FRAME = matcher(
    rf"{PC} \((\w++)[\w.]*+\) from {PC} \((\w++)[.+]"
    r"|^[ \t]*+(\w++)[\w.]*+ from (\w++)[\w.]*+\+0x"  # since 5.18
)
STACKLESS = "(stack is not available)"

SRC = r"(?<![\w/.-])[\w/.-]+\.[A-Za-z]+:\d+"
AT_FUNC = rf"at: (?:{PC} *)?{FUNC}"
ACCESS = rf"(?P<access>Read|Write) (?:of size \d+|at addr {HEX})"
SIZED = r"(?P<access>Read|Write) of size \d+"
USERLAND_RETURN = ("leaving the kernel with locks still held", AT_FUNC)
LEAKED = ((Seek(matcher(rf"backtrace(?: \(crc {HEX}\))?:")), STACK),)
ALLOCATORS = (
    "kmemleak mmap kmem slab alloc create_object idr_get list_lru_init kasprintf kvasprintf pcpu_create strdup strndup"
    " memdup"
)
ACQUIRE = "is trying to acquire lock"

USB = "usb_submit_urb usb_start_wait_urb usb_bulk_msg usb_interrupt_msg usb_control_msg"
CIPHERS = "_encrypt$ ^crypto_ ^cipher_ ^drbg_ ^rng_"

BUG = group(
    "BUG:",
    ignore=("ODEBUG: ", "DEBUG: ", "xlog_status: ", "BUG: no syscalls can create resource"),
    formats=(
        row(
            rf"BUG: KASAN: (?P<kind>[a-z-]+) in {FUNC}",
            "KASAN: {kind} {access} in {frame}",
            needs=(ACCESS,),
            frame=((IN, CALL, STACK),),
            skip="kernel_fault tag_check mem_abort ^el1_ ^el1h_",
            alias="bad-access in {frame}",
        ),
        row(
            rf"BUG: KASAN: (?:double-free or invalid-free|double-free|invalid-free) in {FUNC}",
            "KASAN: invalid-free in {frame}",
            frame=((IN, CALL, STACK),),
            skip="slab_ kfree vunmap vfree",
            alias="invalid-free in {frame}",
        ),
        row(r"BUG: KASAN: (?P<kind>[a-z-]+) on address", "KASAN: {kind} {access}", needs=(SIZED,)),
        row(r"BUG: KASAN: (?P<rest>.*)", "KASAN: {rest}", corrupted=True),
        row(
            rf"BUG: KMSAN: kernel-usb-infoleak in {FUNC}",
            "KMSAN: kernel-usb-infoleak in {frame}",
            frame=ORIGIN,
            skip=f"alloc_skb {USB}",
            alias="KMSAN origin in {origin}",
            origin=True,
            stack=False,
        ),
        row(
            rf"BUG: KMSAN: (?P<kind>[a-z-]+) in {FUNC}",
            "KMSAN: {kind} in {frame}",
            frame=ORIGIN,
            skip=f"alloc_skb netlink_ack netlink_rcv_skb {CIPHERS}",
            alias="bad-access in {frame}",
            origin=True,
            stack=False,
        ),
        row(r"BUG: KCSAN: (?P<rest>.*)", "KCSAN: {rest}", stack=False),
        row(
            rf"BUG: KFENCE: (?P<kind>use-after-free|out-of-bounds) (?P<access>read|write) in {FUNC}",
            "KFENCE: {kind} {access} in {frame}",
            frame=((IN, STACK),),
            alias="bad-access in {frame}",
        ),
        row(
            rf"BUG: KFENCE: invalid free in {FUNC}",
            "KFENCE: invalid free in {frame}",
            frame=((IN, STACK),),
            alias="invalid-free in {frame}",
            stack=False,
        ),
        row(
            rf"BUG: KFENCE: invalid (?P<access>read|write) in {FUNC}",
            "KFENCE: invalid {access} in {frame}",
            frame=((IN, STACK),),
            alias="bad-access in {frame}",
        ),
        row(
            rf"BUG: KFENCE: memory corruption in {FUNC}",
            "KFENCE: memory corruption in {frame}",
            frame=((IN, STACK),),
            stack=False,
        ),
        row(
            "BUG: (?:unable to handle kernel paging request|unable to handle page fault for address"
            "|Unable to handle kernel data access)",
            "BUG: unable to handle kernel paging request in {frame}",
            frame=FAULT,
            alias="bad-access in {frame}",
        ),
        row(
            "BUG: (?:unable to handle kernel |[Kk]ernel )NULL pointer dereference",
            "BUG: unable to handle kernel NULL pointer dereference in {frame}",
            frame=FAULT,
            alias="bad-access in {frame}",
        ),
        row("BUG: [Uu]nable to handle kernel", "BUG: unable to handle kernel", corrupted=True),
        row(
            "BUG: (?P<lock>spinlock|rwlock) (?P<what>lockup suspected|already unlocked|recursion|cpu[ -]recursion"
            "|bad magic|wrong owner|wrong CPU|trylock failure on UP)",
            "BUG: {lock} {what} in {frame}",
            frame=CALLED,
            skip="spin_ _lock _unlock",
        ),
        row(
            "BUG: soft lockup",
            "BUG: soft lockup in {frame}",
            frame=FAULT,
            pick=Pick.STALL,
            alias="stall in {frame}",
        ),
        row("BUG: …still has locks held!", "BUG: still has locks held in {frame}", needs=(rf"{PC} *{FUNC}",)),
        row(
            "BUG: scheduling while atomic",
            "BUG: scheduling while atomic in {frame}",
            frame=CALLED,
            skip="schedule",
        ),
        row(
            "BUG: lock held when returning to user space",
            "BUG: lock held when returning to user space in {frame}",
            needs=USERLAND_RETURN,
            stack=False,
        ),
        row("BUG: bad unlock balance detected!", "BUG: bad unlock balance in {frame}", frame=UNLOCK),
        row("BUG: held lock freed!", "BUG: held lock freed in {frame}", needs=(rf"{PC} *{FUNC}",)),
        row("BUG: Bad rss-counter state", "BUG: Bad rss-counter state", stack=False),
        row("BUG: non-zero nr_(?P<what>ptes|pmds) on freeing mm", "BUG: non-zero nr_{what} on freeing mm", stack=False),
        row(
            r"BUG: Dentry … still in use \(\d+\) (?P<mount>\[unmount of .*\])",
            "BUG: Dentry still in use in unmount",
            alias="BUG: Dentry still in use {mount}",
        ),
        row(
            "BUG: Bad page (?:state|cache)",
            "BUG: Bad page state in {frame}",
            frame=((Seek(matcher("page last allocated")), STACK),),
            skip="(?:free|put|get|update|release)_page free_unref ^_*folio truncate_inode_pages page_frag_free alloc"
            " vmap page_owner",
        ),
        row("BUG: Bad page map", "BUG: Bad page map"),
        row("BUG: workqueue lockup", "BUG: workqueue lockup", stack=False),
        row(
            "BUG: sleeping function called from invalid context at ",
            "BUG: sleeping function called from invalid context in {frame}",
            frame=CALLED,
        ),
        row(
            r"BUG: using (?P<what>\w+)\(\) in preemptible",
            "BUG: using {what}() in preemptible code in {frame}",
            frame=CALLED,
            skip="dump_stack preemption preempt debug_ processor_id this_cpu",
        ),
        row(
            "BUG: workqueue leaked lock or atomic",
            "BUG: workqueue leaked lock or atomic in {frame}",
            needs=(r"last function: (?P<func>\w+)$",),
            stack=False,
        ),
        row(
            "BUG: memory leak",
            "memory leak in {frame}",
            frame=LEAKED,
            skip=ALLOCATORS,
        ),
        row(
            "BUG: …stack guard page was hit at",
            "BUG: stack guard page was hit in {frame}",
            frame=FAULT,
            pick=Pick.STALL,
            alias="stack-overflow in {frame}",
        ),
        row(
            r"BUG: Invalid wait context",
            "WARNING: locking bug in {frame}",
            frame=CALLED,
            skip="lock_sock release_sock",
        ),
        row(r"BUG:[ \t]*$", "BUG: corrupted", corrupted=True),
    ),
)

WARNING = group(
    "WARNING:",
    ignore=(
        "/etc/ssh/moduli",
        "workqueue cpumask: online intersect > possible intersect",
        "[Tt]he mand mount option",
        r"Unsupported flag value\(s\) .*DT_FLAGS_1",
        "Unprivileged eBPF is enabled with eIBRS",
        "fbcon: Driver .* missed to adjust virtual screen size",
        "WARNING: See https.* for mitigation options.",
        "kernel not compiled with CPU_SRSO",
        r"EXT4-(?:fs|FS)(?: \(.*\))?:",
        "(?i:warning: .* uses (?:deprecated v2 capabilities|wireless extensions))",
        r"XFS \(.*\): WARNING",
    ),
    formats=(
        row(
            r"WARNING: …lib/debugobjects\.c… (?:debug_print|debug_check|at )",
            "WARNING: ODEBUG bug in {frame}",
            frame=WARN,
            skip="debug_ rcu hrtimer_ timer_ work_ percpu_ vunmap vfree __free_ debug_check kobject_",
        ),
        row(
            r"WARNING: …mm/usercopy\.c… (?:usercopy_warn|at )",
            "WARNING: bad usercopy in {frame}",
            frame=WARN,
            skip="usercopy __check",
        ),
        row(
            r"WARNING: …lib/kobject\.c… (?:kobject_|at )",
            "WARNING: kobject bug in {frame}",
            frame=WARN,
            skip="kobject_",
        ),
        row(
            r"WARNING: …fs/proc/generic\.c… (?:proc_register|at )",
            "WARNING: proc registration bug in {frame}",
            frame=WARN,
            skip="proc_",
        ),
        row(
            r"WARNING: …lib/refcount\.c… (?:refcount_|at )",
            "WARNING: refcount bug in {frame}",
            frame=WARN,
            skip="refcount kobject_",
        ),
        row(
            r"WARNING: …kernel/locking/lockdep\.c…lock_",
            "WARNING: locking bug in {frame}",
            frame=WARN,
            skip="lock_sock release_sock",
        ),
        row("WARNING: …still has locks held!", "WARNING: still has locks held in {frame}", needs=(AT_FUNC,)),
        row("WARNING: Nested lock was not taken", "WARNING: nested lock was not taken in {frame}", frame=WARN),
        row(
            "WARNING: lock held when returning to user space",
            "WARNING: lock held when returning to user space in {frame}",
            needs=USERLAND_RETURN,
            stack=False,
        ),
        row(
            r"WARNING: …mm/…\.c… k?.?malloc",
            "WARNING: kmalloc bug in {frame}",
            frame=WARN,
            skip="kmalloc krealloc slab kmem",
        ),
        row(r"WARNING: …mm/vmalloc\.c…__vmalloc_node", "WARNING: zero-size vmalloc in {frame}", frame=WARN),
        row("WARNING: … usb_submit_urb", "WARNING in {frame}/usb_submit_urb", frame=WARN, skip=USB),
        row(
            rf"WARNING: (?:{SRC} at 0x{HEX}, CPU#\d+|.* at {SRC} {FUNC}|(?:\[.*\] )?{SRC} at {NAME})",
            "WARNING in {frame}",
            frame=WARN,
        ),
        row(
            "WARNING: possible circular locking dependency detected",
            "possible deadlock in {frame}",
            needs=(ACQUIRE,),
            frame=((AT, AT, STACK),),
            skip="process_one_work flush_workqueue drain_workqueue destroy_workqueue",
        ),
        row(
            "WARNING: possible irq lock inversion dependency detected",
            "possible deadlock in {frame}",
            needs=("just changed the state of lock", AT_FUNC),
        ),
        row(
            "WARNING: …-safe -> …-unsafe lock order detected",
            "possible deadlock in {frame}",
            frame=((Seek(matcher("which became … at:")), STACK),),
        ),
        row("WARNING: possible recursive locking detected", "possible deadlock in {frame}", needs=(ACQUIRE, AT_FUNC)),
        row(
            "WARNING: inconsistent lock state",
            "inconsistent lock state in {frame}",
            needs=("takes", rf"at: (?:{PC} *)?{NAME}"),
            frame=CALLED,
        ),
        row(
            "WARNING: suspicious RCU usage",
            "WARNING: suspicious RCU usage in {frame}",
            needs=(SRC,),
            frame=CALLED,
            skip="rcu kmem slab",
        ),
        row(
            rf"WARNING: kernel stack regs at {HEX} in … has bad '(?P<what>.*)' value",
            "WARNING: kernel stack regs has bad '{what}' value",
            stack=False,
        ),
        row(
            rf"WARNING: kernel stack frame pointer at {HEX} in … has bad value",
            "WARNING: kernel stack frame pointer has bad value",
            stack=False,
        ),
        row("WARNING: bad unlock balance detected!", "WARNING: bad unlock balance in {frame}", frame=UNLOCK),
        row("WARNING: held lock freed!", "WARNING: held lock freed in {frame}", needs=(AT_FUNC,)),
        row(
            "WARNING: kernel stack (?:regs .*has bad 'bp' value|frame pointer .*has bad value)",
            "WARNING: kernel stack regs has bad value",
            stack=False,
        ),
        row(r"WARNING:[ \t]*$", "WARNING: corrupted", corrupted=True),
    ),
)

INFO = group(
    "INFO:",
    ignore=(
        "lockdep is turned off",
        "Stall ended before state dump start",
        "NMI handler",
        "recovery required on readonly filesystem",
        "(?:handler|interrupt) .*took too long",
        r"sys_.* is not present in /proc/kallsyms",
        "no syscalls can create resource",
        "rmt_storage:INFO: ",
        "_INFO:",
    ),
    formats=(
        row(
            r"INFO: possible (?:circular|recursive) locking (?:dependency )?detected \]",
            "possible deadlock in {frame}",
            needs=(ACQUIRE, AT_FUNC),
        ),
        row(
            r"INFO: possible irq lock inversion dependency detected \]",
            "possible deadlock in {frame}",
            needs=("just changed the state of lock", AT_FUNC),
        ),
        row(
            r"INFO: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected \]",
            "possible deadlock in {frame}",
            needs=("is trying to acquire", AT_FUNC),
        ),
        row(
            r"INFO: inconsistent lock state \]",
            "inconsistent lock state in {frame}",
            needs=("takes", AT_FUNC),
        ),
        row(
            "INFO: rcu_(?:preempt|sched|bh|tasks) (?:self-)?detected(?: expedited)? stall",
            "INFO: rcu detected stall in {frame}",
            frame=STALL,
            skip="apic_timer_interrupt rcu",
            pick=Pick.STALL,
            alias="stall in {frame}",
        ),
        row(
            "INFO: trying to register non-static key",
            "INFO: trying to register non-static key in {frame}",
            frame=CALLED,
            skip="stack lock IRQ",
        ),
        row(
            "INFO: suspicious RCU usage",
            "INFO: suspicious RCU usage in {frame}",
            needs=(SRC,),
            frame=CALLED,
            skip="rcu kmem slab",
        ),
        row(
            r"INFO: task [\s\S]{1,100}? blocked (?:in I/O wait )?for more than \d+ seconds",
            "INFO: task hung in {frame}",
            frame=CALLED,
            pick=Pick.HANG,
            alias="hang in {frame}",
        ),
        row(
            "INFO: task … can't die for more than … seconds",
            "INFO: task can't die in {frame}",
            frame=CALLED,
            skip="schedule",
            alias="hang in {frame}",
        ),
        row("INFO: (?P<what>Freed|Allocated) in (?P<rest>.*)", "INFO: {what} in {rest}", corrupted=True),
        row(r"INFO:[ \t]*$", "INFO: corrupted", corrupted=True),
    ),
)

PANIC = "Kernel panic - not syncing: "
KERNEL_PANIC = group(
    "Kernel panic",
    formats=(
        row(
            rf"{PANIC}stack-protector: Kernel stack is corrupted in: (?:{PC} *)?{FUNC}",
            "kernel panic: stack is corrupted in {frame}",
            stack=False,
        ),
        row(
            rf"{PANIC}stack-protector: Kernel stack is corrupted in: {HEX}",
            "kernel panic: stack is corrupted in {frame}",
            frame=CALLED,
            skip="stack_chk",
        ),
        row(
            f"{PANIC}corrupted stack end detected inside scheduler",
            "kernel panic: corrupted stack end in {frame}",
            frame=CALLED,
            skip="schedule retint_kernel",
            pick=Pick.STALL,
            alias="stack-overflow in {frame}",
        ),
        row(
            f"{PANIC}kernel stack overflow",
            "kernel stack overflow in {frame}",
            frame=CALLED,
            skip="bad_stack",
            pick=Pick.STALL,
            alias="stack-overflow in {frame}",
        ),
        row(f"{PANIC}Attempted to kill init!", "kernel panic: Attempted to kill init!"),
        row(rf"{PANIC}Couldn't open N_TTY ldisc for … --- error -\d+", "kernel panic: Couldn't open N_TTY ldisc"),
        row(
            f"{PANIC}(?P<what>Fatal exception|panic_on_warn set|hung_task: blocked tasks)",
            "kernel panic: {what}",
            corrupted=True,  # it is the end of a report that was lost
        ),
        row(f"{PANIC}(?P<rest>.*)", "kernel panic: {rest}"),
    ),
)

KERNEL_BUG = group(
    "kernel BUG",
    formats=(
        row(r"kernel BUG at mm/usercopy\.c", "BUG: bad usercopy in {frame}", frame=CALLED, skip="usercopy __check"),
        row(
            r"kernel BUG at lib/list_debug\.c",
            "BUG: corrupted list in {frame}",
            frame=CALLED,
            alias="bad-access in {frame}",
        ),
        row("kernel BUG at ", "kernel BUG in {frame}", frame=FAULT, skip="^skb_"),
    ),
)

UBSAN = group(
    "UBSAN:",
    formats=(
        row(
            "UBSAN: Undefined behaviour in",
            "UBSAN: undefined-behaviour in {frame}",
            frame=CALLED,
            skip="ubsan overflow",
        ),
        row(
            "UBSAN: array-index-out-of-bounds in",
            "UBSAN: array-index-out-of-bounds in {frame}",
            frame=CALLED,
            skip="ubsan overflow",
            alias="bad-access in {frame}",
        ),
        row("UBSAN: (?P<kind>.*?) in ", "UBSAN: {kind} in {frame}", frame=CALLED, skip="ubsan overflow"),
    ),
)

ARM_ERRORS = (
    group(
        "Internal error:",
        formats=(row("Internal error:", "Internal error in {frame}", frame=FAULT, alias="bad-access in {frame}"),),
    ),
    group(
        "Unhandled fault:",
        formats=(row("Unhandled fault:", "Unhandled fault in {frame}", frame=FAULT, alias="bad-access in {frame}"),),
    ),
    group("Alignment trap:", formats=(row("Alignment trap:", "Alignment trap in {frame}", frame=FAULT),)),
)

TRUSTY = group(
    "trusty: panic",
    formats=(
        row(
            r"trusty: panic… ASSERT FAILED at \(…\): (?P<rest>.+)",
            "trusty: ASSERT FAILED: {rest}",
            stack=False,
        ),
        row("trusty: panic… ASSERT FAILED", "trusty: ASSERT FAILED:", stack=False, corrupted=True),
        row(r"trusty: panic \(.*?\): (?P<rest>.*)", "trusty: panic: {rest}", stack=False),
    ),
)

USERLAND = (
    group(
        "fatal error:",
        ignore=("ALSA", "fatal error: cannot create timer"),
        formats=(row("fatal error:", "go runtime error", stack=False),),
    ),
    group("SYZFAIL:", formats=(row("(?P<line>SYZFAIL:.*)", "{line}", stack=False),)),
    group("SYZFATAL:", formats=(row("(?P<line>SYZFATAL:.*)", "{line}", alias="SYZFATAL", stack=False),)),
    group(
        "panic:",
        ignore=("_panic: ", "xlog_status: ", r"ddb\.onpanic: ", "evtlog_status: "),
        formats=(row("panic:(?P<rest>.*)", "panic:{rest}", stack=False),),
    ),
)

GROUPS: tuple[Group, ...] = (
    BUG,
    WARNING,
    INFO,
    group(
        "Unable to handle kernel",
        formats=(
            row(
                "Unable to handle kernel (?P<what>paging request|NULL pointer dereference|access to user memory)",
                "BUG: unable to handle kernel {what} in {frame}",
                frame=FAULT,
                alias="bad-access in {frame}",
            ),
        ),
    ),
    group(
        "general protection fault",
        ignore=(r"general protection fault.*error:\d+ in ",),  # of a user's process
        formats=(
            row(
                "general protection fault…:",
                "general protection fault in {frame}",
                frame=FAULT,
                alias="bad-access in {frame}",
            ),
        ),
    ),
    group("stack segment: ", formats=(row("stack segment: ", "stack segment fault in {frame}", frame=FAULT),)),
    KERNEL_PANIC,
    group(
        "PANIC: double fault", formats=(row("PANIC: double fault", "PANIC: double fault in {frame}", frame=((IP,),)),)
    ),
    group(
        "rust_kernel: panicked",
        formats=(
            row(
                r"rust_kernel: panicked at .*\n(?P<message>.*)",
                "{message} in {frame}",
                frame=CALLED,
                skip="__rustc::rust_begin_unwind",
            ),
        ),
    ),
    KERNEL_BUG,
    group("Kernel BUG", formats=(row("Kernel BUG (?P<rest>.*)", "kernel BUG {rest}"),)),
    group(
        "BUG kmalloc-",
        formats=(
            row("BUG kmalloc-…: Object already free", "BUG: Object already free"),
            row(  # the alias is as of any other cache, see `beyond`
                r"BUG (?P<cache>kmalloc-\S+) (?P<taint>\(.*?\)): (?!kasan: )(?P<what>.+)",
                "BUG {cache} {taint}: {what}",
                alias="BUG {cache}: {what}",
                stack=False,
            ),
        ),
    ),
    group(
        "divide error:",
        "divide_error:",
        formats=(row("divide[ _]error:", "divide error in {frame}", frame=((IP,),)),),
    ),
    group("invalid opcode:", formats=(row("invalid opcode:", "invalid opcode in {frame}", frame=((IP,),)),)),
    group("int3:", formats=(row("int3:", "int3 in {frame}", frame=FAULT),)),
    UBSAN,
    group(
        "Booting the kernel.",
        ignore=("Parsing ELF", "Decompressing Linux", "Unknown parameter '"),
        formats=(row(r"^Booting the kernel\.", "unexpected kernel reboot", stack=False),),
    ),
    group(
        "unregister_netdevice: waiting for",
        formats=(
            row(
                "unregister_netdevice: waiting for (?P<device>.*) to become free",
                "unregister_netdevice: waiting for {device} to become free",
                stack=False,
            ),
        ),
    ),
    group(
        "VFS: Close: file count is 0",
        formats=(row("VFS: Close: file count is 0", "VFS: Close: file count is zero (use-after-free)", stack=False),),
    ),
    group(
        "VFS: Busy inodes after unmount",
        formats=(
            row("VFS: Busy inodes after unmount", "VFS: Busy inodes after unmount (use-after-free)", stack=False),
        ),
    ),
    *ARM_ERRORS,
    TRUSTY,
    *USERLAND,
)

HARMLESS = (  # first lines that belong to the report before them
    b"invalid opcode: 0000",
    b"Kernel panic - not syncing",
    b"unregister_netdevice: waiting for",
    b"PANIC: double fault",
    b"Internal error:",
)

NOISE = (  # no reports, but the traces below them are not those of the report above
    b"vmalloc: allocation failure:",
    b"FAULT_INJECTION: forcing a failure",
    b"FAULT_FLAG_ALLOW_RETRY missing",
)
