"""The lines on a console that are no report and mean something: the rig's own, and the console's. No I/O."""

import re

BEGIN = re.compile(rb"rig: begin ([A-Za-z0-9_.-]+)")  # images/rig-run, before a workload
GAVE_UP = b"rig: gave up: "  # the rig, before it makes a hung guest say where it is; all after it is provoked
DROPPED = re.compile(rb"\*\* (\d+) printk messages dropped \*\*")  # a console that could not keep up
