/* How far the kernel reads ahead. */
#pragma once

/* Lets the kernel read ahead, and so ask, as much of a file at once as an answer may hold: it stops at 128
 * KiB by itself, and a file system can't say more when it is mounted. Only root may change that; for others
 * reading stays right, and costs eight times as many requests to us. The file system must be answering. */
void readahead_widen(const char *mountpoint);
