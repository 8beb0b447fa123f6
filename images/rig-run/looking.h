/* What rig-run is busy with after a workload, for whoever waits. */
#ifndef LOOKING_H
#define LOOKING_H

/* Say it: nobody is to take us for hung, as on a busy host all of it takes its time. */
void looking(const char *what);

#endif
