/* What a VM can have beside vCPUs and memory: an interrupt controller, devices, and file descriptors that signal. */
#ifndef DEVICES_H
#define DEVICES_H

#include "hold.h"
#include "vm.h"

/* An interrupt controller and a timer. Before there are vCPUs. */
void devices_add_irqchip(const struct vm *vm);
/* The same, and the rest; what has file descriptors goes to `holds`. */
void devices_add(const struct vm *vm, struct holds *holds);

#endif
