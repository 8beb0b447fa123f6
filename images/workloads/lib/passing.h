/* File descriptors that one process passes to another, by a socket. */
#ifndef PASSING_H
#define PASSING_H

#define PASSED_FDS 3

void passing_send(int to, const int *fds);
void passing_receive(int from, int *fds);

#endif
