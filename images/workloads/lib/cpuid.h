/* What a vCPU tells its guest by CPUID, which decides what the guest may turn on. */
#ifndef CPUID_H
#define CPUID_H

#include "vm.h"

#define MOST_CPUID 256

struct cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[MOST_CPUID];
};

/* Everything KVM supports on this host. */
struct cpuid cpuid_supported(int kvm);

/* The features our guests ask for. */
bool cpuid_has_long_mode(const struct cpuid *cpuid);
bool cpuid_has_nx(const struct cpuid *cpuid);
bool cpuid_has_pge(const struct cpuid *cpuid);
bool cpuid_has_smep(const struct cpuid *cpuid);
bool cpuid_has_svm(const struct cpuid *cpuid);
bool cpuid_has_nested_paging(const struct cpuid *cpuid);

/* MAXPHYADDR. 0 where CPUID doesn't say. */
uint32_t cpuid_physical_bits(const struct cpuid *cpuid);
void cpuid_set_physical_bits(struct cpuid *cpuid, uint32_t bits);

/* Return 0 or the errno. */
int vcpu_set_cpuid(const struct vcpu *vcpu, const struct cpuid *cpuid);

#endif
