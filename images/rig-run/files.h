/* Files of the kernel that hold a number, or take a word. */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>

#ifndef AT /* what stands before every path; tests have a tree of their own */
#define AT ""
#endif

/* The number after `label` in the file at `path`, or -1. An empty label is for a file that holds one number. */
long number_in(const char *path, const char *label);

/* Whether `word` stands in the file at `path`. */
bool mentions(const char *path, const char *word);

/* Write `text` at once; false if the kernel does not take it. */
bool tell(const char *path, const char *text);

#endif
