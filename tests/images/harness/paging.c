/* Print a guest's low memory with the page tables in it. */
#include <stdio.h>

#include "paging.h"

int main(void)
{
	static uint8_t low[LOW_SIZE];
	const struct vm vm = {.low = low};

	paging_write(&vm);
	return fwrite(low, sizeof(low), 1, stdout) != 1;
}
