#define _GNU_SOURCE
#include "scene.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "touch.h"

#define FIRST_FRESH_ID MAX_VCPUS

/* ---- guests at work */

static uint32_t *words(const struct scene *scene, uint32_t page)
{
	return (uint32_t *)(scene->data + page * PAGE);
}

void scene_order(struct scene *scene, const struct vcpu *vcpu)
{
	*(struct touch_board *)vm_board(&scene->vm, vcpu->index) = (struct touch_board){
		.passes = 1,
		.pages = DATA_PAGES,
		.toggle_every = 1,
	};
	for (uint32_t page = 0; page < DATA_PAGES; page++)
		scene->counted[page] = words(scene, page)[vcpu->index];
}

void scene_check(struct scene *scene, const struct vcpu *vcpu)
{
	const struct touch_board *board = vm_board(&scene->vm, vcpu->index);

	if (board->passed != 1)
		fail("expected vCPU %u to pass its pages once, got %u times", vcpu->index, board->passed);
	for (uint32_t page = 0; page < DATA_PAGES; page++) {
		uint32_t got = words(scene, page)[vcpu->index];

		if (got != scene->counted[page] + 1)
			fail("expected a guest's count in page %u to be %u, got %u: wrong mapping", page,
			     scene->counted[page] + 1, got);
	}
	done->l2_entries++;
}

void scene_run(const struct vcpu *vcpu)
{
	enum stop stop = vcpu_run(vcpu);

	if (stop != STOP_REPORT)
		fail("expected a vCPU to report after its stretch, got stop %d", stop);
}

void scene_work(struct scene *scene, const struct vcpu *vcpu)
{
	scene_order(scene, vcpu);
	scene_run(vcpu);
	scene_check(scene, vcpu);
}

void scene_all_work(struct scene *scene)
{
	for (unsigned int i = 0; i < scene->options.vcpus; i++)
		scene_work(scene, &scene->vcpus[i]);
}

/* ---- what there is */

static void set_vm(struct scene *scene)
{
	vm_create(scene->kvm, &scene->vm);
	LOAD(&scene->vm, touch);
	if (vm_set_slot(&scene->vm, SLOT_DATA, 0, GUEST_DATA, DATA_SIZE, scene->data))
		fail("expected the data slot to be set");
	for (uint32_t i = 0; i < scene->options.vcpus; i++) {
		vcpu_create(&scene->vm, i, &scene->vcpus[i]);
		vcpu_reset(&scene->vcpus[i]);
	}
	scene->next_id = FIRST_FRESH_ID;
	scene_all_work(scene);
}

static void clear_vm(struct scene *scene)
{
	vm_destroy(&scene->vm, scene->vcpus, scene->options.vcpus);
}

void scene_make_room(struct scene *scene)
{
	if (scene->next_id < FIRST_FRESH_ID + IDS_A_VM)
		return;
	clear_vm(scene);
	set_vm(scene);
}

static uint8_t *memory_for_huge_page(void)
{
	uint8_t *memory = mmap(NULL, 2 * HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("cannot map memory: %m");
	memory += HUGE_SIZE - (uintptr_t)memory % HUGE_SIZE;
	madvise(memory, HUGE_SIZE, MADV_HUGEPAGE); /* fails where the kernel has none; small ones will do */
	*memory = 1;
	return memory;
}

void scene_set(struct scene *scene, struct options options)
{
	*scene = (struct scene){
		.options = options,
		.kvm = kvm_open(),
		.event = eventfd(0, EFD_CLOEXEC),
		.taken_event = eventfd(0, EFD_CLOEXEC),
		.data = memory_for_slot(DATA_SIZE, MAP_PRIVATE),
		.huge = memory_for_huge_page(),
		.bare.fd = -1,
		.chip.fd = -1,
		.ring.fd = -1,
		.namesake = -1,
	};
	scene->cpuid = cpuid_supported(scene->kvm);
	set_vm(scene);
}

void scene_clear(struct scene *scene)
{
	const int fds[] = {scene->bare.fd, scene->chip.fd, scene->ring.fd, scene->namesake};

	clear_vm(scene);
	for (unsigned int i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			shut(fds[i]);
}
