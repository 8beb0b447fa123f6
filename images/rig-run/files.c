#include "files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

long number_in(const char *path, const char *label)
{
	char line[256];
	long number = -1;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		char *text = line + strspn(line, " \t");

		if (strncmp(text, label, strlen(label)) == 0) {
			number = strtol(text + strlen(label), NULL, 10);
			break;
		}
	}
	if (file)
		fclose(file);
	return number;
}

bool mentions(const char *path, const char *word)
{
	char line[4096];
	bool found = false;
	FILE *file = fopen(path, "re");

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, word);
	if (file)
		fclose(file);
	return found;
}

bool tell(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	bool taken = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return taken;
}
