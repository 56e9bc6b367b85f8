/* How far the kernel reads ahead. */
#pragma once

/* Lets the kernel read ahead, and so ask, as much of a file at once as an answer may hold: it stops at 128
 * KiB by itself, and takes no larger number when a file system is mounted. Only root may change that; for
 * others reading stays right, and is eight times as many requests to us. To be called once the kernel has had
 * the answer to INIT. `mountpoint` is a real path. Does not touch what is mounted there: it may be going
 * already. */
void readahead_widen(const char *mountpoint);
