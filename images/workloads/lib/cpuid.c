#define _GNU_SOURCE
#include "cpuid.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "workload.h"

struct cpuid cpuid_supported(int kvm)
{
	struct cpuid cpuid = {.head = {.nent = MOST_CPUID}};

	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid.head))
		fail("expected KVM_GET_SUPPORTED_CPUID to succeed, got: %m");
	return cpuid;
}

/* The entry of a leaf, or NULL. `head.entries` is where `entries` is. */
static struct kvm_cpuid_entry2 *find(const struct cpuid *cpuid, uint32_t leaf)
{
	for (uint32_t i = 0; i < cpuid->head.nent; i++)
		if (cpuid->entries[i].function == leaf && cpuid->entries[i].index == 0)
			return (struct kvm_cpuid_entry2 *)&cpuid->entries[i];
	return NULL;
}

bool cpuid_has_long_mode(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = find(cpuid, 0x80000001);

	return entry && entry->edx >> 29 & 1;
}

bool cpuid_has_nx(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = find(cpuid, 0x80000001);

	return entry && entry->edx >> 20 & 1;
}

bool cpuid_has_pge(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = find(cpuid, 1);

	return entry && entry->edx >> 13 & 1;
}

bool cpuid_has_smep(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = find(cpuid, 7);

	return entry && entry->ebx >> 7 & 1;
}

bool cpuid_has_svm(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = find(cpuid, 0x80000001);

	return entry && entry->ecx >> 2 & 1;
}

bool cpuid_has_nested_paging(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = find(cpuid, 0x8000000a);

	return cpuid_has_svm(cpuid) && entry && entry->edx & 1;
}

uint32_t cpuid_physical_bits(const struct cpuid *cpuid)
{
	const struct kvm_cpuid_entry2 *entry = find(cpuid, 0x80000008);

	return entry ? entry->eax & 0xff : 0;
}

void cpuid_set_physical_bits(struct cpuid *cpuid, uint32_t bits)
{
	struct kvm_cpuid_entry2 *entry = find(cpuid, 0x80000008);

	if (entry)
		entry->eax = (entry->eax & ~0xffu) | bits;
}

int vcpu_set_cpuid(const struct vcpu *vcpu, const struct cpuid *cpuid)
{
	return ioctl(vcpu->fd, KVM_SET_CPUID2, &cpuid->head) ? errno : 0;
}
