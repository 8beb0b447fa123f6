#define _GNU_SOURCE
#include "detectors.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "files.h"
#include "looking.h"

#define KMEMLEAK AT "/sys/kernel/debug/kmemleak"
#define TAINT_BAD_PAGE (1 << 5) /* what KASAN leaves behind */
#ifndef OLD_ENOUGH /* tests can't wait */
#define OLD_ENOUGH 6 /* seconds: kmemleak passes over what is younger than 5 */
#endif
#define LIMIT 45 /* seconds that one search may take; a signal ends it */

long taint(void)
{
	return number_in(AT "/proc/sys/kernel/tainted", "");
}

/* Without kasan_multi_shot KASAN falls silent after one report. 1, 0, or -1 if nobody knows. */
static long kasan_alive(void)
{
	long tainted = taint();

	if (mentions(AT "/proc/cmdline", "kasan_multi_shot"))
		return 1;
	return tainted > 0 && tainted & TAINT_BAD_PAGE ? 0 : -1;
}

/* It switches itself off when it runs out of memory, and then takes no orders; this one changes nothing. */
static long kmemleak_alive(void)
{
	return access(KMEMLEAK, F_OK) ? -1 : tell(KMEMLEAK, "scan=off");
}

void detectors_print(long before)
{
	const struct {
		const char *key;
		long value;
	} answers[] = {
		{"debug_locks", number_in(AT "/proc/lockdep_stats", "debug_locks:")},
		{"kasan", kasan_alive()},
		{"kmemleak", kmemleak_alive()},
		{"tainted", before < 0 ? -1 : taint() & ~before},
	};
	const char *comma = "";

	printf("@detectors {");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (answers[i].value < 0)
			continue;
		printf("%s\"%s\":%ld", comma, answers[i].key, answers[i].value);
		comma = ",";
	}
	printf("}\n");
}

static void wake(int signal_number)
{
	(void)signal_number;
}

static void search(void)
{
	alarm(LIMIT);
	tell(KMEMLEAK, "scan");
	alarm(0);
}

void search_for_leaks(void)
{
	struct sigaction action = {.sa_handler = wake};

	if (access(KMEMLEAK, F_OK))
		return;
	sigaction(SIGALRM, &action, NULL);
	looking("for leaks");
	search();
	sleep(OLD_ENOUGH);
	looking("for leaks again");
	search();
}
