#include "looking.h"

#include <stdio.h>

void looking(const char *what)
{
	printf("@looking %s\n", what);
	fflush(stdout);
}
