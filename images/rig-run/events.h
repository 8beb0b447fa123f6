/* How often the kernel came by chosen trace events, over all processors. */
#ifndef EVENTS_H
#define EVENTS_H

void events_start(void);
void events_print(void); /* as metrics */

#endif
