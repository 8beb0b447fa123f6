#define _GNU_SOURCE
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"
#include "workload.h"

pid_t child_fork(int *pipe_fds)
{
	pid_t parent = getpid(), child;

	if (pipe2(pipe_fds, O_CLOEXEC) || (child = fork()) < 0)
		fail("cannot make a child: %m");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(FAILED);
	}
	return child;
}

void child_wait(pid_t child, bool killed)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		fail("cannot wait for a child: %m");
	if (killed ? !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL : status != 0)
		fail("expected a child to %s, got wait status %#x", killed ? "be killed" : "exit with 0", status);
}

_Noreturn void child_wait_to_be_killed(int pipe_fd)
{
	if (write(pipe_fd, "", 1) == 1)
		for (;;)
			pause();
	_exit(FAILED);
}

void child_kill_when_ready(pid_t child, int pipe_fd)
{
	char byte;

	if (read(pipe_fd, &byte, 1) == 1)
		kill(child, SIGKILL);
	shut(pipe_fd);
}
