/* The kernel's detectors: which are alive, and the one that has to be asked to search. */
#ifndef DETECTORS_H
#define DETECTORS_H

long taint(void);

/* Print what can be known of them; `before` is the taint before the workload. */
void detectors_print(long before);

/* Have kmemleak search twice, the second time when what is leaked is old enough; it reports on the console. */
void search_for_leaks(void);

#endif
