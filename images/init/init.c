/*
 * The guest's first process: mounts, network, ssh, and in the end power-off.
 *
 * It is one static program because every exec costs 30 to 100 ms in an emulated guest with KASAN. It listens on port
 * 22 itself and starts one `dropbear -i` for each connection, so that "rig: ready" is said when a connection really
 * would be accepted, and nothing has to be started before that.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOSTNAME "rig"
#define ADDRESS "10.0.2.15"
#define NETMASK "255.255.255.0"
#define SSH_PORT 22
#define NIC_WAIT_MS 10000
#define HOST_KEY "/etc/dropbear/dropbear_ed25519_host_key"

static const struct {
	const char *type, *where, *options;
} mounts[] = {
	{"devtmpfs", "/dev", "mode=755"},
	{"proc", "/proc", NULL},
	{"sysfs", "/sys", NULL},
	{"devpts", "/dev/pts", "mode=620,gid=5"},
	{"tmpfs", "/dev/shm", "mode=1777"},
	{"tmpfs", "/tmp", "mode=1777"},
	{"tmpfs", "/run", "mode=755"},
	{"debugfs", "/sys/kernel/debug", NULL},
	{"tracefs", "/sys/kernel/tracing", NULL},
};

/* Say something on the console, as one record of the kernel's log. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char text[256] = "rig: ";
	va_list arguments;
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	va_start(arguments, format);
	vsnprintf(text + 5, sizeof(text) - 6, format, arguments);
	va_end(arguments);
	strcat(text, "\n");
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fputs(text, stderr);
	if (fd >= 0)
		close(fd);
}

static void mount_one(const char *type, const char *where, const char *options)
{
	mkdir(where, 0755);
	/* A kernel may be built without debugfs or tracefs: ENODEV, and EBUSY if it mounted the thing itself. */
	if (mount(type, where, type, 0, options) && errno != ENODEV && errno != ENOENT && errno != EBUSY)
		say("cannot mount %s on %s: %m", type, where);
}

/* /dev comes first, because without it nothing can be said. */
static void mount_all(void)
{
	mount_one(mounts[0].type, mounts[0].where, mounts[0].options);
	say("init");
	for (size_t i = 1; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		mount_one(mounts[i].type, mounts[i].where, mounts[i].options);
	if (symlink("/proc/self/fd", "/dev/fd") && errno != EEXIST)
		say("cannot make /dev/fd: %m");
}

/* The kernel could not open /dev/console for us unless the initramfs had one. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* ---- network */

static void name_interface(struct ifreq *request, const char *name)
{
	memset(request, 0, sizeof(*request));
	strncpy(request->ifr_name, name, IFNAMSIZ - 1);
}

static int set_address(int fd, const char *name, unsigned long what, const char *address)
{
	struct ifreq request;
	struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;

	name_interface(&request, name);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	return ioctl(fd, what, &request);
}

static int raise_interface(int fd, const char *name)
{
	struct ifreq request;

	name_interface(&request, name);
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return -1;
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request);
}

/* Give `name` its address, waiting for the kernel to announce it if its driver is not done yet. */
static int address_when_there(int fd, const char *name)
{
	struct sockaddr_nl links = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	struct pollfd news = {.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), .events = POLLIN};
	char message[4096];
	int failed;

	bind(news.fd, (struct sockaddr *)&links, sizeof(links));
	while ((failed = set_address(fd, name, SIOCSIFADDR, ADDRESS)) && errno == ENODEV) {
		if (poll(&news, 1, NIC_WAIT_MS) != 1)
			break;
		if (recv(news.fd, message, sizeof(message), 0) < 0)
			break;
	}
	close(news.fd);
	return failed;
}

static void start_network(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sethostname(HOSTNAME, strlen(HOSTNAME)))
		say("cannot set the host name: %m");
	if (raise_interface(fd, "lo"))
		say("cannot bring lo up: %m");
	if (address_when_there(fd, "eth0") || set_address(fd, "eth0", SIOCSIFNETMASK, NETMASK) ||
	    raise_interface(fd, "eth0"))
		say("no network, eth0: %m");
	close(fd);
}

/* ---- ssh */

static int listen_for_ssh(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(SSH_PORT)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) || listen(fd, 16))
		say("cannot listen on port %d: %m", SSH_PORT);
	else
		say("ready");
	return fd;
}

/* Start one server for a connection. It is its own session. With -i it can log to syslog only, which is not there. */
static void serve(int listener)
{
	static char *const argv[] = {"dropbear", "-i", "-s", "-r", HOST_KEY, NULL};
	int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	sigset_t none;

	if (connection >= 0 && fork() == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setsid();
		dup2(connection, 0);
		dup2(connection, 1);
		dup2(open("/dev/kmsg", O_WRONLY | O_CLOEXEC), 2);
		execv("/usr/sbin/dropbear", argv);
		say("cannot start dropbear: %m");
		_exit(127);
	}
	if (connection >= 0)
		close(connection);
}

/* ---- the rest of its life */

/* What busybox's poweroff, halt and reboot send. */
static void obey(int signal_number)
{
	int how = signal_number == SIGTERM ? RB_AUTOBOOT : signal_number == SIGUSR1 ? RB_HALT_SYSTEM : RB_POWER_OFF;

	if (signal_number == SIGCHLD) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		return;
	}
	say("down");
	sync();
	reboot(how);
}

static int open_signals(void)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGUSR1);
	sigaddset(&ours, SIGUSR2);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	return signalfd(-1, &ours, SFD_CLOEXEC);
}

static void live(int signals, int listener)
{
	struct pollfd events[] = {{.fd = signals, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
	struct signalfd_siginfo info;

	for (;;) {
		if (poll(events, 2, -1) < 0)
			continue;
		if (events[0].revents && read(signals, &info, sizeof(info)) == sizeof(info))
			obey((int)info.ssi_signo);
		if (events[1].revents)
			serve(listener);
	}
}

int main(void)
{
	int signals = open_signals();

	reboot(RB_DISABLE_CAD);
	umask(022);
	mount_all();
	open_console();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/workloads", 1);
	setenv("HOME", "/root", 1);
	start_network();
	live(signals, listen_for_ssh());
}
