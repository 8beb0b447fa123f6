/*
 * error-paths: what KVM does when an allocation fails.
 *
 * Of each operation below the first allocation is made to fail, then the second, and so on until it needs no more of them.
 * It has to fail with a clean error (or to do without that memory), nothing it was to change may have changed, guests
 * have to go on working, and the same once more, with memory, has to succeed. No VM may stay behind. Then operations are
 * chosen at random until time is up. Locks kept on an error path are for lockdep to see, memory for KASAN and kmemleak.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/faults.h"
#include "lib/random.h"
#include "lib/touch.h"
#include "lib/vm.h"
#include "lib/workload.h"

#define DATA_PAGES 8
#define DATA_SIZE (DATA_PAGES * PAGE)
#define MOVED_GPA 0x180000 /* where no guest looks */
#define MANY_GPA 0x400000
#define HUGE_GPA 0x800000
#define HUGE_SIZE 0x200000
#define MANY_SLOTS 2
enum { SLOT_HUGE = SLOT_DATA + 1, SLOT_MANY };
#define RING_SIZE 0x10000
#define FIRST_FRESH_ID MAX_VCPUS
#define IDS_A_VM 128 /* vCPUs go only with their VM */
#define EVENT_PORT 0x20
#define HANGS_AFTER 60 /* seconds */
#define GONE_WITHIN 30 /* seconds */
#define MOST_ENTRIES 256 /* of CPUID */

/* ---- what operations work on */

/* One worker's: nobody else uses it. */
struct scene {
	struct options options;
	int kvm;
	int event;
	struct kvm_cpuid2 *cpuid;
	struct vm vm;
	struct vcpu vcpus[MAX_VCPUS]; /* at work */
	uint8_t *data, *huge;
	uint32_t next_id; /* for a fresh vCPU */
	struct vcpu fresh;
	int namesake; /* see need_namesake(); -1 if there is none now */
	struct vm bare; /* without memory, for what can be done to a VM once only; fd is -1 if there is none now */
	struct vm chip; /* has an interrupt controller */
	struct vm ring; /* has dirty rings */
	int made; /* the file descriptor that an operation has made */
};

struct operation {
	const char *name;
	void (*prepare)(struct scene *scene);
	int (*act)(struct scene *scene); /* returns 0 or errno */
	void (*undo)(struct scene *scene); /* after it has succeeded */
	bool intact; /* the guest must be able to work if it has failed */
	bool once; /* it can't be undone: what it is done to is used up by success, and by success only */
	unsigned int step; /* only every so manieth point is looked for; 0 for all */
};

#define must(done) expect_done((done) ? errno : 0, #done)

static void expect_done(int error, const char *what)
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

static void shut_made(struct scene *scene)
{
	shut(scene->made);
}

/* ---- the guest */

static uint32_t *words(const struct scene *scene, uint32_t page)
{
	return (uint32_t *)(scene->data + page * PAGE);
}

static void order_stretch(const struct scene *scene, const struct vcpu *vcpu, uint32_t *before)
{
	*(struct touch_board *)vm_board(&scene->vm, vcpu->index) = (struct touch_board){
		.passes = 1,
		.pages = DATA_PAGES,
		.toggle_every = 1,
	};
	for (uint32_t page = 0; page < DATA_PAGES; page++)
		before[page] = words(scene, page)[vcpu->index];
}

static void check_stretch(const struct scene *scene, const struct vcpu *vcpu, const uint32_t *before)
{
	const struct touch_board *board = vm_board(&scene->vm, vcpu->index);

	if (board->passed != 1)
		fail("expected vCPU %u to pass its pages once, got %u times", vcpu->index, board->passed);
	for (uint32_t page = 0; page < DATA_PAGES; page++)
		if (words(scene, page)[vcpu->index] != before[page] + 1)
			fail("expected a guest's count in page %u to be %u, got %u: wrong mapping", page, before[page] + 1,
			     words(scene, page)[vcpu->index]);
	done->l2_entries++;
}

static void run_stretch(const struct vcpu *vcpu)
{
	enum stop stop = vcpu_run(vcpu);

	if (stop != STOP_REPORT)
		fail("expected a vCPU to report after its stretch, got stop %d", stop);
}

static void work(const struct scene *scene, const struct vcpu *vcpu)
{
	uint32_t before[DATA_PAGES];

	order_stretch(scene, vcpu, before);
	run_stretch(vcpu);
	check_stretch(scene, vcpu, before);
}

static void all_work(struct scene *scene)
{
	for (unsigned int i = 0; i < scene->options.vcpus; i++)
		work(scene, &scene->vcpus[i]);
}

/* ---- the scene */

static int set_data_slot(const struct scene *scene, uint32_t flags, uint64_t gpa, uint64_t size)
{
	return vm_set_slot(&scene->vm, SLOT_DATA, flags, gpa, size, scene->data);
}

static void set_vm(struct scene *scene)
{
	vm_create(scene->kvm, &scene->vm);
	LOAD(&scene->vm, touch);
	expect_done(set_data_slot(scene, 0, GUEST_DATA, DATA_SIZE), "the data slot");
	for (uint32_t i = 0; i < scene->options.vcpus; i++) {
		vcpu_create(&scene->vm, i, &scene->vcpus[i]);
		vcpu_reset(&scene->vcpus[i]);
	}
	scene->next_id = FIRST_FRESH_ID;
	all_work(scene);
}

static void clear_vm(struct scene *scene)
{
	vm_destroy(&scene->vm, scene->vcpus, scene->options.vcpus);
}

static void set_cpuid_entries(struct scene *scene)
{
	scene->cpuid = calloc(1, sizeof(*scene->cpuid) + MOST_ENTRIES * sizeof(scene->cpuid->entries[0]));
	if (!scene->cpuid)
		fail("no memory for CPUID");
	scene->cpuid->nent = MOST_ENTRIES;
	must(ioctl(scene->kvm, KVM_GET_SUPPORTED_CPUID, scene->cpuid));
}

/* Memory where a huge page can be. */
static uint8_t *huge_memory(void)
{
	uint8_t *memory = mmap(NULL, 2 * HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("cannot map memory: %m");
	memory += HUGE_SIZE - (uintptr_t)memory % HUGE_SIZE;
	madvise(memory, HUGE_SIZE, MADV_HUGEPAGE);
	*memory = 1;
	return memory;
}

static void set_scene(struct scene *scene, struct options options)
{
	*scene = (struct scene){
		.options = options,
		.kvm = kvm_open(),
		.event = eventfd(0, EFD_CLOEXEC),
		.data = memory_for_slot(DATA_SIZE, MAP_PRIVATE),
		.huge = huge_memory(),
		.namesake = -1,
		.bare.fd = -1,
		.chip.fd = -1,
		.ring.fd = -1,
	};
	set_cpuid_entries(scene);
	set_vm(scene);
}

static void clear_scene(struct scene *scene)
{
	clear_vm(scene);
	if (scene->chip.fd >= 0)
		shut(scene->chip.fd);
	if (scene->ring.fd >= 0)
		shut(scene->ring.fd);
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
	int fd;

	if (scene->namesake >= 0)
		return;
	expect_done(create_vm(scene), "KVM_CREATE_VM");
	fd = scene->made;
	scene->namesake = dup(fd);
	if (scene->namesake < 0)
		fail("cannot duplicate a file descriptor: %m");
	shut(fd);
}

static int create_vm_and_directory(struct scene *scene)
{
	return create_vm(scene);
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

static int create_irqchip(struct scene *scene)
{
	return try_ioctl(scene->bare.fd, KVM_CREATE_IRQCHIP, NULL);
}

static int split_irqchip(struct scene *scene)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}};

	return try_ioctl(scene->bare.fd, KVM_ENABLE_CAP, &cap);
}

static void need_bare_with_irqchip(struct scene *scene)
{
	if (scene->bare.fd >= 0)
		return;
	need_bare(scene);
	expect_done(create_irqchip(scene), "KVM_CREATE_IRQCHIP");
}

static int create_pit(struct scene *scene)
{
	struct kvm_pit_config config = {0};

	return try_ioctl(scene->bare.fd, KVM_CREATE_PIT2, &config);
}

/* ---- vCPUs */

static void need_fresh_id(struct scene *scene)
{
	if (++scene->next_id < FIRST_FRESH_ID + IDS_A_VM)
		return;
	clear_vm(scene);
	set_vm(scene);
}

static int create_vcpu(struct scene *scene)
{
	return try_make(scene, scene->vm.fd, KVM_CREATE_VCPU, scene->next_id);
}

/* It works on the board of the first of the vCPUs; only one of them is ever at work. */
static void take_fresh(struct scene *scene)
{
	scene->fresh = (struct vcpu){.fd = scene->made};
	scene->fresh.run = mmap(NULL, vcpu_run_size(), PROT_READ | PROT_WRITE, MAP_SHARED, scene->made, 0);
	if (scene->fresh.run == MAP_FAILED)
		fail("cannot map kvm_run: %m");
	vcpu_reset(&scene->fresh);
}

static void need_fresh(struct scene *scene)
{
	need_fresh_id(scene);
	expect_done(create_vcpu(scene), "KVM_CREATE_VCPU");
	take_fresh(scene);
}

static void fresh_works(struct scene *scene)
{
	work(scene, &scene->fresh);
	vcpu_destroy(&scene->fresh);
}

static void made_vcpu_works(struct scene *scene)
{
	take_fresh(scene);
	fresh_works(scene);
}

static void need_ring(struct scene *scene)
{
	struct kvm_enable_cap cap = {.cap = KVM_CAP_DIRTY_LOG_RING, .args = {RING_SIZE}};

	scene->ring.smm = false;
	need_fresh_id(scene); /* one sequence for both VMs */
	if (scene->ring.fd >= 0 && scene->next_id > FIRST_FRESH_ID)
		return;
	if (scene->ring.fd >= 0)
		shut(scene->ring.fd);
	vm_create_bare(scene->kvm, &scene->ring);
	if (ioctl(scene->ring.fd, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING) > 0)
		must(ioctl(scene->ring.fd, KVM_ENABLE_CAP, &cap));
}

static int create_vcpu_with_ring(struct scene *scene)
{
	return try_make(scene, scene->ring.fd, KVM_CREATE_VCPU, scene->next_id);
}

static int set_cpuid(struct scene *scene)
{
	return try_ioctl(scene->fresh.fd, KVM_SET_CPUID2, scene->cpuid);
}

static void need_fresh_with_cpuid(struct scene *scene)
{
	need_fresh(scene);
	expect_done(set_cpuid(scene), "KVM_SET_CPUID2");
}

/* SVM keeps state for guests of the guest, once it is turned on; where there is none, nothing happens. */
static int enable_svm(struct scene *scene)
{
	struct kvm_msrs *msrs = (void *)(uint64_t[(sizeof(*msrs) + sizeof(msrs->entries[0])) / 8 + 1]){0};
	int set;

	msrs->nmsrs = 1;
	msrs->entries[0] = (struct kvm_msr_entry){.index = 0xc0000080, .data = 0x1000}; /* EFER.SVME */
	set = ioctl(scene->fresh.fd, KVM_SET_MSRS, msrs);
	if (set < 0)
		return errno;
	return set == 1 ? 0 : ENOMEM;
}

static int xsave(struct scene *scene)
{
	struct kvm_xsave state;
	int error = try_ioctl(scene->vcpus[0].fd, KVM_GET_XSAVE, &state);

	return error ? error : try_ioctl(scene->vcpus[0].fd, KVM_SET_XSAVE, &state);
}

/* ---- slots */

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
	return create_logged_slot(scene); /* where there is one, its flags change */
}

static int move_slot(struct scene *scene)
{
	return set_data_slot(scene, 0, MOVED_GPA, DATA_SIZE);
}

static void need_no_slot(struct scene *scene)
{
	expect_done(delete_slot(scene), "deleting the data slot");
}

static void put_slot_back(struct scene *scene)
{
	expect_done(create_slot(scene), "setting the data slot as it was");
	all_work(scene);
}

static void keep_slot(struct scene *scene)
{
	all_work(scene);
}

/* Everything that a guest has written is in the log, and nothing else. */
static void check_log(struct scene *scene)
{
	uint64_t bitmap = 0;
	struct kvm_dirty_log log = {.slot = SLOT_DATA, .dirty_bitmap = &bitmap};

	all_work(scene);
	must(ioctl(scene->vm.fd, KVM_GET_DIRTY_LOG, &log));
	if (bitmap != (1u << DATA_PAGES) - 1)
		fail("expected a dirty log of %u pages, all dirty, got %#llx", DATA_PAGES, (unsigned long long)bitmap);
	put_slot_back(scene);
}

/* Goes on where it has failed before. */
static int create_slots(struct scene *scene)
{
	while (scene->made < MANY_SLOTS) {
		uint32_t i = (uint32_t)scene->made;
		int error = vm_set_slot(&scene->vm, SLOT_MANY + i, i % 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0,
					MANY_GPA + i * DATA_SIZE, DATA_SIZE, scene->data);

		if (error)
			return error;
		scene->made++;
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

static uint32_t counted_before[DATA_PAGES];

static void need_fresh_ordered(struct scene *scene)
{
	need_fresh(scene);
	order_stretch(scene, &scene->fresh, counted_before);
}

static int run_first(struct scene *scene)
{
	return run(&scene->fresh);
}

static void check_fresh(struct scene *scene)
{
	check_stretch(scene, &scene->fresh, counted_before);
	vcpu_destroy(&scene->fresh);
}

/* Nothing mapped, neither in the guest's tables nor in the host's. */
static void need_faults(struct scene *scene)
{
	need_no_slot(scene);
	if (madvise(scene->data, DATA_SIZE, MADV_DONTNEED))
		fail("cannot drop memory: %m");
	expect_done(create_slot(scene), "the data slot");
	order_stretch(scene, &scene->vcpus[0], counted_before);
	if (madvise(scene->data, DATA_SIZE, MADV_DONTNEED)) /* looking at it has mapped zeroes */
		fail("cannot drop memory: %m");
}

static int run_faults(struct scene *scene)
{
	return run(&scene->vcpus[0]);
}

static void check_faults(struct scene *scene)
{
	check_stretch(scene, &scene->vcpus[0], counted_before);
}

/* ---- huge pages, split for a dirty log */

static int set_huge_slot(struct scene *scene, uint32_t flags, uint64_t size)
{
	return vm_set_slot(&scene->vm, SLOT_HUGE, flags, HUGE_GPA, size, scene->huge);
}

/* Have a fresh vCPU write to the huge page. */
static void touch_huge(struct scene *scene)
{
	static const uint8_t code[] = {0xff, 0x05, 0x00, 0x00, 0x80, 0x00, 0xe6, PORT_REPORT}; /* incl HUGE_GPA; outb */
	struct kvm_regs regs;
	uint8_t before = *scene->huge;

	vm_load(&scene->vm, GUEST_SHARED, code, sizeof(code));
	vcpu_reset(&scene->fresh);
	must(ioctl(scene->fresh.fd, KVM_GET_REGS, &regs));
	regs.rip = GUEST_SHARED;
	must(ioctl(scene->fresh.fd, KVM_SET_REGS, &regs));
	run_stretch(&scene->fresh);
	if (*scene->huge != (uint8_t)(before + 1))
		fail("expected a guest to count in a huge page, got %u after %u: wrong mapping", *scene->huge, before);
}

static void need_huge(struct scene *scene)
{
	need_fresh(scene);
	expect_done(set_huge_slot(scene, 0, HUGE_SIZE), "the huge slot");
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
	must(ioctl(scene->vm.fd, KVM_GET_DIRTY_LOG, &log));
	if (bitmap[0] != 1 || bitmap[1])
		fail("expected the first page of a huge one to be dirty, got %#llx", (unsigned long long)bitmap[0]);
	expect_done(set_huge_slot(scene, 0, 0), "deleting the huge slot");
	vcpu_destroy(&scene->fresh);
}

/* ---- devices and the rest */

static void need_chip(struct scene *scene)
{
	if (scene->chip.fd >= 0)
		return;
	vm_create_bare(scene->kvm, &scene->chip);
	must(ioctl(scene->chip.fd, KVM_CREATE_IRQCHIP, 0));
}

static int set_ioeventfd(struct scene *scene, uint32_t flags)
{
	struct kvm_ioeventfd ioeventfd = {
		.addr = EVENT_PORT, .len = 1, .fd = scene->event, .flags = KVM_IOEVENTFD_FLAG_PIO | flags,
	};

	return try_ioctl(scene->vm.fd, KVM_IOEVENTFD, &ioeventfd);
}

static int ioeventfd(struct scene *scene)
{
	return set_ioeventfd(scene, 0);
}

static void undo_ioeventfd(struct scene *scene)
{
	expect_done(set_ioeventfd(scene, KVM_IOEVENTFD_FLAG_DEASSIGN), "taking an ioeventfd back");
}

static int set_irqfd(struct scene *scene, uint32_t flags)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)scene->event, .gsi = 5, .flags = flags};

	return try_ioctl(scene->chip.fd, KVM_IRQFD, &irqfd);
}

static int irqfd(struct scene *scene)
{
	return set_irqfd(scene, 0);
}

static void undo_irqfd(struct scene *scene)
{
	expect_done(set_irqfd(scene, KVM_IRQFD_FLAG_DEASSIGN), "taking an irqfd back");
}

static int irq_routing(struct scene *scene)
{
	struct kvm_irq_routing *routing = (void *)(uint64_t[(sizeof(*routing) + sizeof(routing->entries[0])) / 8 + 1]){0};

	routing->nr = 1;
	routing->entries[0] = (struct kvm_irq_routing_entry){.gsi = 5, .type = KVM_IRQ_ROUTING_IRQCHIP};
	routing->entries[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	routing->entries[0].u.irqchip.pin = 5;
	return try_ioctl(scene->chip.fd, KVM_SET_GSI_ROUTING, routing);
}

static int set_coalesced(struct scene *scene, unsigned long request)
{
	struct kvm_coalesced_mmio_zone zone = {.addr = MANY_GPA, .size = PAGE};

	return try_ioctl(scene->vm.fd, request, &zone);
}

static int coalesced_mmio(struct scene *scene)
{
	return set_coalesced(scene, KVM_REGISTER_COALESCED_MMIO);
}

static void undo_coalesced_mmio(struct scene *scene)
{
	expect_done(set_coalesced(scene, KVM_UNREGISTER_COALESCED_MMIO), "KVM_UNREGISTER_COALESCED_MMIO");
}

static int msr_filter(struct scene *scene)
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

static void nothing(struct scene *scene)
{
	(void)scene;
}

#define OPERATION(does, before, after, ...) \
	{.name = #does, .prepare = (before), .act = (does), .undo = (after), __VA_ARGS__}

static const struct operation operations[] = {
	OPERATION(create_vm, need_namesake, shut_made),
	OPERATION(create_vm_and_directory, nothing, shut_made, .step = 7),
	OPERATION(create_vcpu, need_fresh_id, made_vcpu_works, .intact = true),
	OPERATION(create_slot, need_no_slot, keep_slot),
	OPERATION(create_logged_slot, need_no_slot, check_log),
	OPERATION(delete_slot, nothing, put_slot_back, .intact = true),
	OPERATION(move_slot, nothing, put_slot_back, .intact = true),
	OPERATION(log_slot, nothing, check_log, .intact = true),
	OPERATION(create_slots, need_no_slots, delete_slots, .intact = true),
	OPERATION(log_huge_slot, need_huge, check_huge),
	OPERATION(run_first, need_fresh_ordered, check_fresh),
	OPERATION(run_faults, need_faults, check_faults),
	OPERATION(set_cpuid, need_fresh, fresh_works),
	OPERATION(enable_svm, need_fresh_with_cpuid, fresh_works),
	OPERATION(xsave, nothing, keep_slot, .intact = true),
	OPERATION(create_irqchip, need_bare, drop_bare, .once = true),
	OPERATION(split_irqchip, need_bare, drop_bare, .once = true),
	OPERATION(create_pit, need_bare_with_irqchip, drop_bare, .once = true),
	OPERATION(create_vcpu_with_ring, need_ring, shut_made),
	OPERATION(ioeventfd, nothing, undo_ioeventfd, .intact = true),
	OPERATION(irqfd, need_chip, undo_irqfd),
	OPERATION(irq_routing, need_chip, nothing),
	OPERATION(coalesced_mmio, nothing, undo_coalesced_mmio, .intact = true),
	OPERATION(msr_filter, need_chip, nothing),
	OPERATION(vm_stats_fd, nothing, shut_made),
	OPERATION(vcpu_stats_fd, nothing, shut_made),
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* ---- what all workers share */

enum phase { SLABS, PAGES, RANDOM, PHASES };

/* The search for the points of one operation. */
struct hunt {
	_Atomic unsigned int taken; /* by workers, in order */
	_Atomic unsigned int end; /* the first that wasn't hit; 0 while all were */
	_Atomic unsigned int hit;
};

struct worker {
	pid_t pid;
	_Atomic unsigned int operation, nth;
	_Atomic double since; /* it is at that */
};

static struct shared {
	struct hunt hunts[RANDOM][OPERATIONS];
	struct worker workers[MOST_THREADS];
	_Atomic uint64_t injections, did_without, no_memory, bad_address;
} *shared;

/* ---- one point of one operation */

static void judge(const struct operation *operation, unsigned int nth, bool hit, int error)
{
	if (!hit && error)
		fail("expected %s to succeed with enough memory, got: %s", operation->name, strerror(error));
	if (error && error != ENOMEM && error != EFAULT)
		fail("expected %s to fail with ENOMEM as its allocation %u failed, got: %s", operation->name, nth,
		     strerror(error));
	if (!hit)
		return;
	shared->injections++;
	shared->did_without += error == 0;
	shared->no_memory += error == ENOMEM;
	shared->bad_address += error == EFAULT;
}

static void recover(struct scene *scene, const struct operation *operation)
{
	int error;

	if (operation->intact)
		all_work(scene);
	if (operation->once)
		return;
	error = operation->act(scene);
	if (error)
		fail("expected %s to succeed after it had failed for lack of memory, got: %s", operation->name,
		     strerror(error));
	operation->undo(scene);
}

/* Have an operation's nth allocation fail. True if it had that many. */
static bool attempt(struct worker *worker, struct scene *scene, unsigned int index, unsigned int nth)
{
	const struct operation *operation = &operations[index];
	int error;
	bool hit;

	worker->operation = index;
	worker->nth = nth;
	worker->since = elapsed();
	operation->prepare(scene);
	faults_arm(nth);
	error = operation->act(scene);
	hit = faults_disarm();
	judge(operation, nth, hit, error);
	if (error)
		recover(scene, operation);
	else
		operation->undo(scene);
	did(index);
	return hit;
}

/* What has only failed so far has to succeed in the end, on the VM that it has failed on. */
static void complete(struct scene *scene, unsigned int index)
{
	if (scene->namesake >= 0)
		shut(scene->namesake);
	scene->namesake = -1;
	if (scene->bare.fd < 0)
		return;
	expect_done(operations[index].act(scene), operations[index].name);
	drop_bare(scene);
}

/* ---- all points of all operations, and then any of them */

static void hunt(struct worker *worker, struct scene *scene, enum phase phase, unsigned int index)
{
	struct hunt *hunt = &shared->hunts[phase][index];

	while (!hunt->end) {
		unsigned int step = operations[index].step;
		unsigned int nth = 1 + hunt->taken++ * (step ? step : 1);

		if (attempt(worker, scene, index, nth))
			hunt->hit++;
		else
			hunt->end = nth;
	}
	complete(scene, index);
}

/* Workers begin with different operations. */
static void hunt_all(struct worker *worker, struct scene *scene, enum phase phase)
{
	size_t first = (size_t)(worker - shared->workers) * OPERATIONS / scene->options.threads;

	for (size_t i = 0; i < OPERATIONS; i++)
		hunt(worker, scene, phase, (unsigned int)((first + i) % OPERATIONS));
}

static void at_random(struct worker *worker, struct scene *scene)
{
	struct choices choices = choices_for(scene->options.seed, (uint64_t)(worker - shared->workers));

	while (elapsed() < scene->options.seconds) {
		unsigned int index = choose_below(&choices, OPERATIONS);
		unsigned int points = shared->hunts[SLABS][index].hit + shared->hunts[PAGES][index].hit;

		attempt(worker, scene, index, 1 + choose_below(&choices, points + 1));
		complete(scene, index);
	}
}

static _Noreturn void be_worker(struct worker *worker, struct options options, enum phase phase)
{
	struct scene scene;

	worker->since = elapsed();
	set_scene(&scene, options);
	if (phase == RANDOM)
		at_random(worker, &scene);
	else
		hunt_all(worker, &scene, phase);
	worker->since = elapsed();
	clear_scene(&scene);
	_exit(PASSED);
}

/* ---- the workers seen from outside */

static void start_worker(struct worker *worker, struct options options, enum phase phase)
{
	pid_t parent = getpid();

	worker->since = elapsed();
	worker->pid = fork();
	if (worker->pid < 0)
		fail("cannot fork: %m");
	if (worker->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(FAILED);
	be_worker(worker, options, phase);
}

static void expect_alive(const struct worker *worker)
{
	if (elapsed() - worker->since > HANGS_AFTER)
		fail("expected %s to come back after its allocation %u had failed, got nothing for %d s",
		     operations[worker->operation].name, worker->nth, HANGS_AFTER);
}

static void wait_for(const struct worker *worker)
{
	int status;

	while (waitpid(worker->pid, &status, WNOHANG) == 0) {
		for (const struct worker *other = shared->workers; other->pid; other++)
			if (other >= worker)
				expect_alive(other);
		usleep(20000);
	}
	if (status)
		fail("expected a worker to end well, got wait status %#x", status);
}

/* A VM that a process has made has a directory called PID-FD. */
static bool has_vm(const struct worker *worker)
{
	DIR *directory = opendir("/sys/kernel/debug/kvm");
	bool has = false;
	struct dirent *entry;

	while (directory && !has && (entry = readdir(directory))) {
		char *rest;

		has = strtol(entry->d_name, &rest, 10) == worker->pid && *rest == '-';
	}
	if (directory)
		closedir(directory);
	return has;
}

static void expect_no_vm(const struct worker *worker)
{
	double begun = elapsed();

	while (has_vm(worker)) {
		if (elapsed() - begun > GONE_WITHIN)
			fail("expected all VMs to go with their process %d, got some in /sys/kernel/debug/kvm after %d s",
			     worker->pid, GONE_WITHIN);
		usleep(50000);
	}
}

static void go_through(struct options options, enum phase phase)
{
	static const enum faults faults[PHASES] = {FAULT_SLAB, FAULT_PAGE, FAULT_SLAB | FAULT_PAGE};

	faults_choose(faults[phase]);
	memset(shared->workers, 0, sizeof(shared->workers));
	for (unsigned int i = 0; i < options.threads; i++)
		start_worker(&shared->workers[i], options, phase);
	for (unsigned int i = 0; i < options.threads; i++)
		wait_for(&shared->workers[i]);
	for (unsigned int i = 0; i < options.threads; i++)
		expect_no_vm(&shared->workers[i]);
}

/* ---- all together */

static void report_points(void)
{
	void (*metric)(const char *, uint64_t, const char *) = faults_are_only_ours() ? metric_exact : metric_count;
	char called[64];

	for (unsigned int i = 0; i < OPERATIONS; i++) {
		snprintf(called, sizeof(called), "points_%s", operations[i].name);
		metric(called, shared->hunts[SLABS][i].hit, "allocations");
		snprintf(called, sizeof(called), "page_points_%s", operations[i].name);
		metric_count(called, shared->hunts[PAGES][i].hit, "allocations");
	}
}

static void report(void)
{
	report_points();
	metric_count("injections", shared->injections, "allocations");
	metric_count("did_without", shared->did_without, "times");
	metric_count("errors_ENOMEM", shared->no_memory, "errors");
	metric_count("errors_EFAULT", shared->bad_address, "errors");
}

int main(int argc, char **argv)
{
	static const char *names[OPERATIONS];
	struct program program = {
		.what = "Make allocations of KVM fail, one by one, and see that nothing else comes of it.",
		.vcpus = 1,
		.threads = 2,
		.kinds = names,
		.kinds_count = OPERATIONS,
	};
	struct options options;

	for (unsigned int i = 0; i < OPERATIONS; i++)
		names[i] = operations[i].name;
	options = begin(argc, argv, &program);
	shut(kvm_open());
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("cannot map what the workers share: %m");
	for (enum phase phase = SLABS; phase < PHASES; phase++)
		go_through(options, phase);
	report();
	return end();
}
