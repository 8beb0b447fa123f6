"""Functions that say nothing about a bug, and those that say where one began. No I/O.

Words that `Skips` takes: regexes looked for anywhere in a name; `=name` is a whole name.
"""

from rig.reports.rules import Skips

_SANITIZERS = """
__sanitizer __asan kasan hwasan __msan kmsan kcsan_setup_watchpoint check_memory_region check_heap_object
check_object read_word_at_a_time (?:read|write)_once_.*nocheck print_address_description print_report
print_usage_bug print_unlock imbalance_bug print_tainted =get_taint hex_dump_to_buffer print_hex_dump assertfail
__fortify_report __phys_addr
"""

_TRAPS = """
panic invalid_op report_bug fixup_bug do_error _trap$ do_trap show_stack dump_stack walk_stack dump_backtrace
unwind_backtrace warn_slowpath warn_alloc warn_bogus __warn stack_trace_consume_entry stack_trace_save arch_stack_walk
program_check_exception program_check_common do_kernel_fault do_translation_fault do_mem_abort el1_abort
el1h_64_sync
"""

_ALLOCATION = """
alloc_page malloc zalloc calloc krealloc kmem_cache allocate_slab __alloc_frozen_pages_noprof folio_alloc
folio_unlock filemap_alloc_folio __filemap_get_folio find_or_create_page do_read_cache_folio read_cache_page
pagecache_get_page grab_cache_page_write_begin slab_ =kfree =kvfree kfree_skb find_lock_entries
truncate_inode_pages_range mark_buffer_dirty ^lock_page ^unlock_page
"""

_OBJECT_DEBUGGING = "debug_object timer_is_static_object work_is_static_object"

_LOCKING = """
__might_fault might_fault might_sleep __might_resched lockdep bh_enable bh_disable perf_trace lock_acquire
lock_release lock_class mark_lock reacquire_held_locks mark_held_locks raw_spin_rq spin_lock spin_trylock
spin_unlock read_lock read_trylock read_unlock write_lock write_trylock write_unlock =down down_read down_write
down_trylock up_read up_write ^mutex_ ^__mutex_ ^rt_mutex_ owner_on_cpu osq_lock osq_unlock seqprop_assert
trace_hardirq trace_softirq
"""

_COUNTERS_AND_LISTS = """
atomic(?:64)?_(?:dec|inc|read|set|or|xor|and|add|sub|fetch|xchg|cmpxchg|try) set_bit clear_bit change_bit test_bit
^refcount_ ^kref_ ref_tracker list_add list_del list_replace list_move list_splice ^rb_ ^__rb_ ^klist_ xas_start
xas_load xas_find rhashtable_lookup
"""

_MEMORY_AND_STRINGS = r"""
memcpy memcmp memset memchr memmove memdup strcmp strncmp strcpy strlcpy strncpy strscpy strlen strnlen strstr
strnstr strchr strdup strndup copy_to_user copy_from_user copy_to_iter copy_from_iter copy_page_to_iter
copy_page_from_iter copy_folio_to_iter =copyin =copyout put_user get_user extract_user_to_sg extract_iter_to_sg
_indirect_thunk_ ^crc\d crc_itu_t
"""

_PRINTING = """
string pointer snprintf scnprintf kasprintf kvasprintf printk va_format
dev_(?:info|notice|warn|err|alert|crit|emerg)
"""

_TIMERS_AND_WAITING = """
del_timer lock_timer_base __timer_delete_sync sk_stop_timer_sync __mod_timer flush_work __cancel_work_timer
cancel_work_sync try_to_grab_pending flush_workqueue drain_workqueue destroy_workqueue queue_work insert_work
__queue_delayed_work queue_delayed_work_on __wake_up finish_wait =complete wait_for_completion kthread_stop
cleanup_srcu_struct
"""

_DEVICES = """
kobject_ add_uevent_var get_device_parent device_add device_del device_unregister device_destroy device_release
=put_device devres_release_all hwrng_unregister i2c_del_adapter __unregister_client device_for_each_child
rollback_registered unregister_netdev sysfs_remove device_remove_file tty_unregister_device dummy_urb_enqueue
usb_kill_urb usb_kill_anchored_urbs usb_control_msg usb_hcd_submit_urb usb_submit_urb
"""

_REST = "(?:read|write)[bwlq]$ logic_in logic_out =iput =iput_final =ihold drop_nlink fast_dput dput ida_free"

BLAMELESS = Skips(
    _SANITIZERS,
    _TRAPS,
    _ALLOCATION,
    _OBJECT_DEBUGGING,
    _LOCKING,
    _COUNTERS_AND_LISTS,
    _MEMORY_AND_STRINGS,
    _PRINTING,
    _TIMERS_AND_WAITING,
    _DEVICES,
    _REST,
)

_ENTRIES = """
process_one_work do_syscall_ do_fast_syscall_ sysenter_dispatch tracesys_phase2 el0_svc_handler invoke_syscall
ret_fast_syscall netif_receive_skb do_softirq call_timer_fn _run_timers run_timer_softirq hrtimer_run run_ksoftirqd
smpboot_thread_fn =kthread start_secondary cpu_startup_entry ret_from_fork
"""

_FILES = """
vfs_write vfs_read vfs_iter_read vfs_iter_write do_iter_read do_iter_write call_read_iter call_write_iter
new_sync_read new_sync_write vfs_ioctl ksys_ioctl compat_ioctl compat_sys_ioctl blkdev_driver_ioctl blkdev_ioctl
do_iter_readv_writev ^call_mmap mmap_region do_mmap do_dentry_open vfs_open
"""

_SOCKETS = """
^(?:sys_)?sock_sendmsg ^(?:sys_)?sock_recvmsg ^(?:sys_)?sock_release ^(?:sys_)?__sock_release =(?:sys_)?setsockopt
kernel_setsockopt sock_common_setsockopt =(?:sys_)?listen kernel_listen sk_common_release ^(?:sys_)?sock_mmap
=(?:sys_)?accept kernel_accept ^(?:sys_)?sock_do_ioctl ^(?:sys_)?sock_ioctl ^(?:sys_)?compat_sock_ioctl
^nfnetlink_rcv_msg ^rtnetlink_rcv_msg ^netlink_dump ^(?:sys_)?socketpair ^(?:sys_)?connect ^(?:sys_)?ioctl
"""

_FAULTS_AND_EXIT = """
__do_fault do_page_fault =page_fault __fput task_work_run exit_to_usermode smp_call_function tasklet_action
tasklet_hi_action
"""

ANCHORS = Skips(_ENTRIES, _FILES, _SOCKETS, _FAULTS_AND_EXIT)  # from here on a stalled CPU did its own work

_SYSTEM_CALLS = """
^entry_ ^el0_ ^el1.*irq ^x64_sys_call$ ^ret_from ^worker_thread$ ^do_one_initcall$ ^kernel_init sysvec_ _interrupt$
^full_proxy_ ^proc_reg_ ^kernfs_fop_
"""
_PAGE_FAULTS_AND_EXIT = """
^(?:asm_)?(?:exc_|do_user_|handle_mm_|__handle_mm_).*fault$ ^do_(?:group_)?exit$ ^(?:__)?mmput$ ^exit_mmap$
"""
_VCPU = "^kvm_arch_vcpu_ioctl ^vcpu_(?:run|enter_guest)$ _handle_exit$ _invoke_exit_handler$"

DISPATCH = Skips(_SYSTEM_CALLS, _PAGE_FAULTS_AND_EXIT, _VCPU)  # to have passed here says nothing
OPERATIONS = Skips(  # the same for these, where they are what such a place called
    "_(?:open|release|flush|mmap|poll|ioctl|read|write|read_iter|write_iter)$",
    "_(?:sendmsg|recvmsg|setsockopt|getsockopt)$",
)

TIMER_ENTRY = Skips("apic_timer_interrupt ^el1h?_(?:64_)?irq ^asm_call_")
WATCHING = Skips("rcu_check_callbacks rcu_sched_clock_irq watchdog cpu_stall preempt_schedule_irq")  # on its behalf
IDLE = Skips("=do_idle =cpu_idle =cpu_idle_loop ^rcu_gp_")
REPORTING = Skips(  # what is above the bug in a stack, beside the blameless
    "^el1.*(?:sync|abort) tag_check mem_abort kernel_fault ^do_bad_area ^handle_bad_stack ^__bad_stack",
    "^report_ ^asm_exc_ ^exc_ ^handle_bug __ubsan ^ubsan_ ^print_ ^preempt_check =bad_page usercopy_abort",
    "=check_bytes_and_report =free_to_partial_list _debug_processing$ =on_freelist =object_err =print_trailer",
    "^_*(?:preempt_)?schedule ^__switch_to context_switch retint_kernel irqentry_ =dump_cpu_task rcu_dump_cpu_stacks",
)

SMP_CALL = "smp_call_function"
RTNL = "rtnl_lock"
GRACE_PERIODS = ("synchronize_rcu", "synchronize_srcu", "synchronize_net", "synchronize_sched")
WAITING = Skips(
    "sched _lock _slowlock down rwsem completion kthread wait synchronize context_switch __switch_to",
    "cancel_delayed_work rcu_barrier",
)

FAULT_INJECTION = Skips("=should_fail =should_failslab")

_SYSCALL_PREFIXES = """
SYSC_ SyS_ sys_ __x64_ __ia32_ __arm64_ ____sys_ ___sys_ __sys_ __se_ __se_sys_ __do_sys_ compat_SYSC_ compat_SyS_ ksys_
"""
SYSCALL_PREFIXES = tuple(_SYSCALL_PREFIXES.split())
