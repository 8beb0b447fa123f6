/* Children of fork() that do not outlive us, and what they and we wait for. */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/* With a pipe between us. */
pid_t child_fork(int *pipe_fds);
/* It must have been killed by SIGKILL, or else have exited with 0. */
void child_wait(pid_t child, bool killed);

/* In the child: tell the parent that all is set up, and wait to be killed. */
_Noreturn void child_wait_to_be_killed(int pipe_fd);
/* In the parent; it lets go of the pipe too. */
void child_kill_when_ready(pid_t child, int pipe_fd);

#endif
