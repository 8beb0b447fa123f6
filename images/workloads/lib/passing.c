#define _GNU_SOURCE
#include "passing.h"

#include <string.h>
#include <sys/socket.h>

#include "workload.h"

union passing {
	struct cmsghdr head;
	char space[CMSG_SPACE(PASSED_FDS * sizeof(int))];
};

static struct msghdr message(union passing *passing, struct iovec *byte)
{
	return (struct msghdr){.msg_iov = byte, .msg_iovlen = 1, .msg_control = passing, .msg_controllen = sizeof(*passing)};
}

void passing_send(int to, const int *fds)
{
	char zero = 0;
	struct iovec byte = {&zero, 1};
	union passing passing = {
		.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(PASSED_FDS * sizeof(int))}};
	struct msghdr out = message(&passing, &byte);

	memcpy(CMSG_DATA(&passing.head), fds, PASSED_FDS * sizeof(int));
	if (sendmsg(to, &out, 0) != 1)
		fail("cannot pass file descriptors: %m");
}

void passing_receive(int from, int *fds)
{
	char zero;
	struct iovec byte = {&zero, 1};
	union passing passing;
	struct msghdr in = message(&passing, &byte);

	if (recvmsg(from, &in, MSG_CMSG_CLOEXEC) != 1 || in.msg_flags & MSG_CTRUNC)
		fail("cannot receive file descriptors: %m");
	memcpy(fds, CMSG_DATA(&passing.head), PASSED_FDS * sizeof(int));
}
