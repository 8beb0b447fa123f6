#define _GNU_SOURCE
#include "operations.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOVED_GPA 0x180000 /* where no guest looks */
#define MANY_GPA 0x400000
#define HUGE_GPA 0x800000
#define MANY_SLOTS 2
enum { SLOT_HUGE = SLOT_DATA + 1, SLOT_MANY };
#define RING_SIZE 0x10000 /* bytes */
#define PINS 24 /* of an I/O APIC */
#define LINE 5 /* an interrupt */
#define EVENT_PORT 0x20
#define EFER 0xc0000080
#define EFER_SVME 0x1000
#define NOT_A_FD 12345

void expect_done(int error, const char *what)
{
	if (error)
		fail("expected %s to succeed, got: %s", what, strerror(error));
}

static int try_ioctl(int fd, unsigned long request, const void *argument)
{
	return ioctl(fd, request, argument) < 0 ? errno : 0;
}

/* For what gives a file descriptor. */
static int try_make(struct scene *scene, int fd, unsigned long request, unsigned long argument)
{
	scene->made = ioctl(fd, request, argument);
	return scene->made < 0 ? errno : 0;
}

static int try_cap(const struct vm *vm, uint32_t cap, uint64_t value)
{
	struct kvm_enable_cap enable = {.cap = cap, .args = {value}};

	return try_ioctl(vm->fd, KVM_ENABLE_CAP, &enable);
}

static void nothing(struct scene *scene)
{
	(void)scene;
}

static void shut_made(struct scene *scene)
{
	shut(scene->made);
}

/* ---- VMs */

static int create_vm(struct scene *scene)
{
	return try_make(scene, scene->kvm, KVM_CREATE_VM, 0);
}

/*
 * Most of what KVM_CREATE_VM allocates is for its statistics in debugfs, over and over the same. A VM whose directory
 * there would be called as another's (the process, and its file descriptor) goes without.
 */
static void need_namesake(struct scene *scene)
{
	if (scene->namesake >= 0)
		return;
	expect_done(create_vm(scene), "KVM_CREATE_VM");
	scene->namesake = dup(scene->made);
	if (scene->namesake < 0)
		fail("cannot duplicate a file descriptor: %m");
	shut(scene->made);
}

static int create_vm_and_directory(struct scene *scene)
{
	return create_vm(scene);
}

static int create_vm_of_wrong_type(struct scene *scene)
{
	return try_make(scene, scene->kvm, KVM_CREATE_VM, 77);
}

static void need_bare(struct scene *scene)
{
	if (scene->bare.fd < 0)
		vm_create_bare(scene->kvm, &scene->bare);
}

static void drop_bare(struct scene *scene)
{
	shut(scene->bare.fd);
	scene->bare.fd = -1;
}

/* ---- events */

static int set_ioeventfd(const struct vm *vm, uint64_t port, int event, uint32_t flags)
{
	struct kvm_ioeventfd ioeventfd = {
		.addr = port, .len = 1, .fd = event, .flags = KVM_IOEVENTFD_FLAG_PIO | flags,
	};

	return try_ioctl(vm->fd, KVM_IOEVENTFD, &ioeventfd);
}

static int ioeventfd(struct scene *scene)
{
	return set_ioeventfd(&scene->vm, EVENT_PORT, scene->event, 0);
}

static void undo_ioeventfd(struct scene *scene)
{
	expect_done(set_ioeventfd(&scene->vm, EVENT_PORT, scene->event, KVM_IOEVENTFD_FLAG_DEASSIGN),
		    "taking an ioeventfd back");
}

static int same_ioeventfd(struct scene *scene)
{
	return set_ioeventfd(&scene->chip, EVENT_PORT, scene->taken_event, 0);
}

static int ioeventfd_of_nothing(struct scene *scene)
{
	return set_ioeventfd(&scene->vm, EVENT_PORT, NOT_A_FD, 0);
}

static int set_coalesced(const struct vm *vm, unsigned long request)
{
	struct kvm_coalesced_mmio_zone zone = {.addr = MANY_GPA, .size = PAGE};

	return try_ioctl(vm->fd, request, &zone);
}

static int coalesced_mmio(struct scene *scene)
{
	return set_coalesced(&scene->vm, KVM_REGISTER_COALESCED_MMIO);
}

static void undo_coalesced_mmio(struct scene *scene)
{
	expect_done(set_coalesced(&scene->vm, KVM_UNREGISTER_COALESCED_MMIO), "KVM_UNREGISTER_COALESCED_MMIO");
}

/* A bus that there is no memory to make smaller is given up as a whole, and with it the VM's use for anything else. */
static void need_bare_with_bus(struct scene *scene)
{
	if (scene->bare.fd >= 0)
		drop_bare(scene);
	need_bare(scene);
	expect_done(set_ioeventfd(&scene->bare, EVENT_PORT, scene->event, 0), "KVM_IOEVENTFD");
	expect_done(set_ioeventfd(&scene->bare, EVENT_PORT + 1, scene->taken_event, 0), "KVM_IOEVENTFD");
	expect_done(set_coalesced(&scene->bare, KVM_REGISTER_COALESCED_MMIO), "KVM_REGISTER_COALESCED_MMIO");
}

static int take_ioeventfd_back(struct scene *scene)
{
	return set_ioeventfd(&scene->bare, EVENT_PORT, scene->event, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

static int take_coalesced_mmio_back(struct scene *scene)
{
	return set_coalesced(&scene->bare, KVM_UNREGISTER_COALESCED_MMIO);
}

/* ---- interrupt controllers and timers */

static int create_irqchip(struct scene *scene)
{
	return try_ioctl(scene->bare.fd, KVM_CREATE_IRQCHIP, NULL);
}

static int split_irqchip(struct scene *scene)
{
	return try_cap(&scene->bare, KVM_CAP_SPLIT_IRQCHIP, PINS);
}

static void need_bare_with_irqchip(struct scene *scene)
{
	if (scene->bare.fd >= 0)
		return;
	need_bare(scene);
	expect_done(create_irqchip(scene), "KVM_CREATE_IRQCHIP");
}

static int try_pit(const struct vm *vm)
{
	struct kvm_pit_config config = {0};

	return try_ioctl(vm->fd, KVM_CREATE_PIT2, &config);
}

static int create_pit(struct scene *scene)
{
	return try_pit(&scene->bare);
}

static int set_irqfd(const struct scene *scene, int event, uint32_t flags)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)event, .gsi = LINE, .flags = flags};

	return try_ioctl(scene->chip.fd, KVM_IRQFD, &irqfd);
}

static int irqfd(struct scene *scene)
{
	return set_irqfd(scene, scene->event, 0);
}

static void undo_irqfd(struct scene *scene)
{
	expect_done(set_irqfd(scene, scene->event, KVM_IRQFD_FLAG_DEASSIGN), "taking an irqfd back");
}

static int same_irqfd(struct scene *scene)
{
	return set_irqfd(scene, scene->taken_event, 0);
}

static void need_chip(struct scene *scene)
{
	if (scene->chip.fd >= 0)
		return;
	vm_create_bare(scene->kvm, &scene->chip);
	expect_done(try_ioctl(scene->chip.fd, KVM_CREATE_IRQCHIP, NULL), "KVM_CREATE_IRQCHIP");
	expect_done(try_pit(&scene->chip), "KVM_CREATE_PIT2");
	expect_done(same_irqfd(scene), "KVM_IRQFD");
	expect_done(same_ioeventfd(scene), "KVM_IOEVENTFD");
}

static int create_second_irqchip(struct scene *scene)
{
	return try_ioctl(scene->chip.fd, KVM_CREATE_IRQCHIP, NULL);
}

static int create_second_pit(struct scene *scene)
{
	return try_pit(&scene->chip);
}

static int create_irqchip_after_vcpus(struct scene *scene)
{
	return try_ioctl(scene->vm.fd, KVM_CREATE_IRQCHIP, NULL);
}

static int set_routing(struct scene *scene, uint32_t pin)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.head.nr = 1,
		.entry = {
			.gsi = LINE,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = {.irqchip = KVM_IRQCHIP_IOAPIC, .pin = pin},
		},
	};

	return try_ioctl(scene->chip.fd, KVM_SET_GSI_ROUTING, &routing);
}

static int set_irq_routing(struct scene *scene)
{
	return set_routing(scene, LINE);
}

static int set_wrong_irq_routing(struct scene *scene)
{
	return set_routing(scene, PINS);
}

/* ---- vCPUs */

static void need_fresh_id(struct scene *scene)
{
	scene->next_id++;
	scene_make_room(scene);
}

static int create_vcpu(struct scene *scene)
{
	return try_make(scene, scene->vm.fd, KVM_CREATE_VCPU, scene->next_id);
}

static int create_same_vcpu(struct scene *scene)
{
	return try_make(scene, scene->vm.fd, KVM_CREATE_VCPU, 0);
}

static void take_fresh(struct scene *scene)
{
	scene->fresh = (struct vcpu){.fd = scene->made};
	scene->fresh.run = mmap(NULL, vcpu_run_size(), PROT_READ | PROT_WRITE, MAP_SHARED, scene->made, 0);
	if (scene->fresh.run == MAP_FAILED)
		fail("cannot map kvm_run: %m");
	vcpu_reset(&scene->fresh);
}

static void drop_fresh(struct scene *scene)
{
	vcpu_destroy(&scene->fresh);
}

static void need_fresh(struct scene *scene)
{
	need_fresh_id(scene);
	expect_done(create_vcpu(scene), "KVM_CREATE_VCPU");
	take_fresh(scene);
}

static void fresh_works(struct scene *scene)
{
	scene_work(scene, &scene->fresh);
	drop_fresh(scene);
}

static void made_vcpu_works(struct scene *scene)
{
	take_fresh(scene);
	fresh_works(scene);
}

/* Where there are no rings, its vCPUs go without. */
static void need_ring(struct scene *scene)
{
	if (scene->ring.fd >= 0 && ++scene->ring_id < IDS_A_VM)
		return;
	if (scene->ring.fd >= 0)
		shut(scene->ring.fd);
	scene->ring_id = 0;
	vm_create_bare(scene->kvm, &scene->ring);
	if (ioctl(scene->ring.fd, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING) > 0)
		expect_done(try_cap(&scene->ring, KVM_CAP_DIRTY_LOG_RING, RING_SIZE), "KVM_CAP_DIRTY_LOG_RING");
}

static int create_vcpu_with_ring(struct scene *scene)
{
	return try_make(scene, scene->ring.fd, KVM_CREATE_VCPU, scene->ring_id);
}

static int set_cpuid(struct scene *scene)
{
	return vcpu_set_cpuid(&scene->fresh, &scene->cpuid);
}

static void need_fresh_with_cpuid(struct scene *scene)
{
	need_fresh(scene);
	expect_done(set_cpuid(scene), "KVM_SET_CPUID2");
}

/* SVM keeps state for guests of the guest, once it is turned on; elsewhere there is no such bit to be set. */
static int enable_svm(struct scene *scene)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {.head.nmsrs = 1, .entry = {.index = EFER, .data = EFER_SVME}};
	int set = ioctl(scene->fresh.fd, KVM_SET_MSRS, &msrs);

	if (set < 0)
		return errno;
	return set == 1 ? 0 : ENOMEM;
}

static int set_and_get_xsave(struct scene *scene)
{
	struct kvm_xsave state;
	int error = try_ioctl(scene->vcpus[0].fd, KVM_GET_XSAVE, &state);

	return error ? error : try_ioctl(scene->vcpus[0].fd, KVM_SET_XSAVE, &state);
}

/* ---- slots */

static int set_data_slot(const struct scene *scene, uint32_t flags, uint64_t gpa, uint64_t size)
{
	return vm_set_slot(&scene->vm, SLOT_DATA, flags, gpa, size, scene->data);
}

static int delete_slot(struct scene *scene)
{
	return set_data_slot(scene, 0, GUEST_DATA, 0);
}

static int create_slot(struct scene *scene)
{
	return set_data_slot(scene, 0, GUEST_DATA, DATA_SIZE);
}

static int create_logged_slot(struct scene *scene)
{
	return set_data_slot(scene, KVM_MEM_LOG_DIRTY_PAGES, GUEST_DATA, DATA_SIZE);
}

static int log_slot(struct scene *scene)
{
	return create_logged_slot(scene); /* of one that is there, the flags change */
}

static int move_slot(struct scene *scene)
{
	return set_data_slot(scene, 0, MOVED_GPA, DATA_SIZE);
}

static int move_slot_onto_another(struct scene *scene)
{
	return set_data_slot(scene, 0, 0, DATA_SIZE);
}

static int resize_slot(struct scene *scene)
{
	return set_data_slot(scene, 0, GUEST_DATA, DATA_SIZE - PAGE);
}

static int create_overlapping_slot(struct scene *scene)
{
	return vm_set_slot(&scene->vm, SLOT_MANY, 0, GUEST_DATA, DATA_SIZE, scene->data);
}

static int delete_absent_slot(struct scene *scene)
{
	return vm_set_slot(&scene->vm, SLOT_MANY, 0, 0, 0, NULL);
}

static void need_no_slot(struct scene *scene)
{
	expect_done(delete_slot(scene), "deleting the data slot");
}

static void put_slot_back(struct scene *scene)
{
	expect_done(create_slot(scene), "setting the data slot as it was");
	scene_all_work(scene);
}

/* Everything that guests have written is in the log, and nothing else. */
static void check_log(struct scene *scene)
{
	uint64_t bitmap = 0;
	struct kvm_dirty_log log = {.slot = SLOT_DATA, .dirty_bitmap = &bitmap};

	scene_all_work(scene);
	expect_done(try_ioctl(scene->vm.fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	if (bitmap != (1u << DATA_PAGES) - 1)
		fail("expected a dirty log of %u pages, all dirty, got %#llx", DATA_PAGES, (unsigned long long)bitmap);
	put_slot_back(scene);
}

static int get_log_of_unlogged_slot(struct scene *scene)
{
	uint64_t bitmap = 0;
	struct kvm_dirty_log log = {.slot = SLOT_DATA, .dirty_bitmap = &bitmap};

	return try_ioctl(scene->vm.fd, KVM_GET_DIRTY_LOG, &log);
}

/* Goes on where it has failed before. */
static int create_slots(struct scene *scene)
{
	for (; scene->made < MANY_SLOTS; scene->made++) {
		uint32_t i = (uint32_t)scene->made;
		int error = vm_set_slot(&scene->vm, SLOT_MANY + i, i % 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0,
					MANY_GPA + i * DATA_SIZE, DATA_SIZE, scene->data);

		if (error)
			return error;
	}
	return 0;
}

static void need_no_slots(struct scene *scene)
{
	scene->made = 0;
}

static void delete_slots(struct scene *scene)
{
	while (scene->made)
		expect_done(vm_set_slot(&scene->vm, SLOT_MANY + (uint32_t)--scene->made, 0, 0, 0, NULL), "deleting a slot");
}

/* ---- running */

static int run(const struct vcpu *vcpu)
{
	int error = try_ioctl(vcpu->fd, KVM_RUN, NULL);

	if (!error && (vcpu->run->exit_reason != KVM_EXIT_IO || vcpu->run->io.port != PORT_REPORT))
		fail("expected KVM_RUN to fail or a vCPU to report, got exit reason %u", vcpu->run->exit_reason);
	return error;
}

static void need_fresh_ordered(struct scene *scene)
{
	need_fresh(scene);
	scene_order(scene, &scene->fresh);
}

static int run_first(struct scene *scene)
{
	return run(&scene->fresh);
}

static void check_fresh(struct scene *scene)
{
	scene_check(scene, &scene->fresh);
	drop_fresh(scene);
}

static void drop_data(const struct scene *scene)
{
	if (madvise(scene->data, DATA_SIZE, MADV_DONTNEED))
		fail("cannot drop memory: %m");
}

/* Nothing mapped, neither in the guest's tables nor in the host's. */
static void need_faults(struct scene *scene)
{
	need_no_slot(scene);
	drop_data(scene);
	expect_done(create_slot(scene), "setting the data slot");
	scene_order(scene, &scene->vcpus[0]);
	drop_data(scene); /* looking at it has mapped zeroes */
}

static int run_faults(struct scene *scene)
{
	return run(&scene->vcpus[0]);
}

static void check_faults(struct scene *scene)
{
	scene_check(scene, &scene->vcpus[0]);
}

/* ---- huge pages, split for a dirty log */

static int set_huge_slot(struct scene *scene, uint32_t flags, uint64_t size)
{
	return vm_set_slot(&scene->vm, SLOT_HUGE, flags, HUGE_GPA, size, scene->huge);
}

/* Have the fresh vCPU write to the huge page. */
static void touch_huge(struct scene *scene)
{
	static const uint8_t code[] = {0xff, 0x05, 0x00, 0x00, 0x80, 0x00, 0xe6, PORT_REPORT}; /* incl HUGE_GPA; outb */
	uint8_t before = *scene->huge;
	struct kvm_regs regs;

	vm_load(&scene->vm, GUEST_SHARED, code, sizeof(code));
	vcpu_reset(&scene->fresh);
	expect_done(try_ioctl(scene->fresh.fd, KVM_GET_REGS, &regs), "KVM_GET_REGS");
	regs.rip = GUEST_SHARED;
	expect_done(try_ioctl(scene->fresh.fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	scene_run(&scene->fresh);
	if (*scene->huge != (uint8_t)(before + 1))
		fail("expected a guest to count in a huge page, got %u after %u: wrong mapping", *scene->huge, before);
}

static void need_huge(struct scene *scene)
{
	need_fresh(scene);
	expect_done(set_huge_slot(scene, 0, HUGE_SIZE), "setting the huge slot");
	touch_huge(scene);
}

static int log_huge_slot(struct scene *scene)
{
	return set_huge_slot(scene, KVM_MEM_LOG_DIRTY_PAGES, HUGE_SIZE);
}

static void check_huge(struct scene *scene)
{
	static uint64_t bitmap[HUGE_SIZE / PAGE / 64];
	struct kvm_dirty_log log = {.slot = SLOT_HUGE, .dirty_bitmap = bitmap};

	touch_huge(scene);
	expect_done(try_ioctl(scene->vm.fd, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	if (bitmap[0] != 1 || bitmap[1])
		fail("expected the first page of a huge one to be dirty, got %#llx", (unsigned long long)bitmap[0]);
	expect_done(set_huge_slot(scene, 0, 0), "deleting the huge slot");
	drop_fresh(scene);
}

/* ---- the rest */

static int set_msr_filter(struct scene *scene)
{
	static uint8_t bitmap[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct kvm_msr_filter filter = {.ranges[0] = {.flags = KVM_MSR_FILTER_READ, .nmsrs = 64, .bitmap = bitmap}};

	return try_ioctl(scene->chip.fd, KVM_X86_SET_MSR_FILTER, &filter);
}

static int vm_stats_fd(struct scene *scene)
{
	return try_make(scene, scene->vm.fd, KVM_GET_STATS_FD, 0);
}

static int vcpu_stats_fd(struct scene *scene)
{
	return try_make(scene, scene->vcpus[0].fd, KVM_GET_STATS_FD, 0);
}

/* ---- all of them */

#define OPERATION(does, before, after, ...) \
	{.name = #does, .prepare = (before), .act = (does), .undo = (after), __VA_ARGS__}
#define REFUSAL(does, before, error, ...) \
	{.name = #does, .prepare = (before), .act = (does), .undo = nothing, .refused = (error), .intact = true, __VA_ARGS__}

const struct operation operations[] = {
	/* SRCU takes per-CPU memory, which comes in chunks: now and then it needs another one. */
	OPERATION(create_vm, need_namesake, shut_made, .varies = true),
	OPERATION(create_vm_and_directory, nothing, shut_made, .varies = true, .step = 7),
	OPERATION(create_vcpu, need_fresh_id, made_vcpu_works, .intact = true),
	OPERATION(create_vcpu_with_ring, need_ring, shut_made),
	OPERATION(create_slot, need_no_slot, scene_all_work),
	OPERATION(create_logged_slot, need_no_slot, check_log),
	OPERATION(delete_slot, nothing, put_slot_back, .intact = true),
	OPERATION(move_slot, nothing, put_slot_back, .intact = true),
	OPERATION(log_slot, nothing, check_log, .intact = true),
	OPERATION(log_huge_slot, need_huge, check_huge),
	OPERATION(create_slots, need_no_slots, delete_slots, .intact = true),
	OPERATION(run_first, need_fresh_ordered, check_fresh),
	OPERATION(run_faults, need_faults, check_faults, .varies = true),
	OPERATION(set_cpuid, need_fresh, fresh_works),
	OPERATION(enable_svm, need_fresh_with_cpuid, fresh_works),
	OPERATION(set_and_get_xsave, nothing, scene_all_work, .intact = true),
	OPERATION(create_irqchip, need_bare, drop_bare, .once = true),
	OPERATION(split_irqchip, need_bare, drop_bare, .once = true),
	OPERATION(create_pit, need_bare_with_irqchip, drop_bare, .once = true),
	OPERATION(irqfd, need_chip, undo_irqfd),
	OPERATION(set_irq_routing, need_chip, nothing),
	OPERATION(ioeventfd, nothing, undo_ioeventfd, .intact = true),
	OPERATION(coalesced_mmio, nothing, undo_coalesced_mmio, .intact = true),
	OPERATION(take_ioeventfd_back, need_bare_with_bus, drop_bare),
	OPERATION(take_coalesced_mmio_back, need_bare_with_bus, drop_bare),
	OPERATION(set_msr_filter, need_chip, nothing),
	OPERATION(vm_stats_fd, nothing, shut_made),
	OPERATION(vcpu_stats_fd, nothing, shut_made),
	REFUSAL(create_vm_of_wrong_type, nothing, EINVAL, .varies = true),
	REFUSAL(create_same_vcpu, nothing, EEXIST),
	REFUSAL(move_slot_onto_another, nothing, EEXIST),
	REFUSAL(resize_slot, nothing, EINVAL),
	REFUSAL(create_overlapping_slot, nothing, EEXIST),
	REFUSAL(delete_absent_slot, nothing, EINVAL),
	REFUSAL(get_log_of_unlogged_slot, nothing, ENOENT),
	REFUSAL(create_second_irqchip, need_chip, EEXIST),
	REFUSAL(create_second_pit, need_chip, EEXIST),
	REFUSAL(create_irqchip_after_vcpus, nothing, EINVAL),
	REFUSAL(same_irqfd, need_chip, EBUSY),
	REFUSAL(set_wrong_irq_routing, need_chip, EINVAL),
	REFUSAL(same_ioeventfd, need_chip, EEXIST),
	REFUSAL(ioeventfd_of_nothing, nothing, EBADF),
};

const unsigned int operations_count = sizeof(operations) / sizeof(operations[0]);
_Static_assert(sizeof(operations) / sizeof(operations[0]) <= MOST_OPERATIONS, "more room is needed");

void operation_leave(const struct operation *operation, struct scene *scene)
{
	if (scene->namesake >= 0)
		shut(scene->namesake);
	scene->namesake = -1;
	if (scene->bare.fd < 0)
		return;
	expect_done(operation->act(scene), operation->name);
	drop_bare(scene);
}
