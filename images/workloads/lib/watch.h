/* Says what does not come back: a vCPU, a child, an ioctl. */
#ifndef WATCH_H
#define WATCH_H

/* Longer than the kernel takes to say by itself that a task hangs (60 to 70 s as the rig boots it): it knows more. */
#ifndef WATCH_SECONDS
#define WATCH_SECONDS 75
#endif

/* Start to look, once a second, in a thread of this process, after `count` things at once in it and its children. */
void watch_start(unsigned int count);

/*
 * The thing number `index` is `what` from now on, a text that stays where it is; NULL for nothing. It hangs when it is
 * not over after WATCH_SECONDS, and as long no iteration of anything was done: then the program fails and says so.
 */
void watch(unsigned int index, const char *what);

#endif
