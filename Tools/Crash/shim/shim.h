/* A library to preload: it records what a program does to the files below one directory, and makes
 * chosen calls fail.
 *
 *   CRASH_ROOT    the directory, absolute and without symbolic links
 *   CRASH_TRACE   file the events are appended to; nothing is recorded without it
 *   CRASH_FAULT   CALLS:N:ACTION[:sticky], see faults.c
 *   CRASH_BOOT_ID file that stands for the system's boot id: the machine was started again
 *   CRASH_NOSYNC  when set, nothing is ever synced: the planted defect of the self-check
 */
#pragma once
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/types.h>

enum event {
  EVENT_WRITE = 1,
  EVENT_TRUNCATE,
  EVENT_SYNC,
  EVENT_CREATE,
  EVENT_MAKE_DIRECTORY,
  EVENT_RENAME,
  EVENT_UNLINK,
  EVENT_REMOVE_DIRECTORY,
  EVENT_LINK,
  EVENT_OUTPUT,
  EVENT_MARK, /* not from here */
  EVENT_FAULT /* a call was made to fail */
};
enum {
  FLAG_DURABLE = 1, /* the descriptor was opened with O_DSYNC or O_SYNC */
  FLAG_FAILED = 2   /* a sync that was made to fail: what was unsynced may never arrive */
};

/* Begins what has to stand in the trace in the order in which it happens; holds off every other
 * recorded call of every process. Nothing inside may take it again. */
void record_begin(void);
void record_end(void);
/* Appends one event; only between begin and end. */
void record(enum event, unsigned flags, uint64_t inode, int64_t offset, const void *first,
            size_t first_bytes, const void *second, size_t second_bytes);
int is_recording(void);

/* Writes the absolute path of `path` to `out` (PATH_MAX bytes); 0 when it is not below the root. */
int below_root(int directory, const char *path, char *out);
void remember_descriptor(int descriptor, int flags);
void forget_descriptor(int descriptor);
/* The inode behind a remembered descriptor, 0 for others. */
uint64_t remembered(int descriptor, unsigned *flags);

/* What a call has to do instead of its work. */
enum fault { FAULT_NONE, FAULT_ERROR, FAULT_SHORT, FAULT_LATE };
enum calls {
  CALL_WRITE = 1,
  CALL_SYNC = 2,
  CALL_TRUNCATE = 4,
  CALL_CREATE = 8,
  CALL_RENAME = 16,
  CALL_UNLINK = 32,
  CALL_MAKE_DIRECTORY = 64,
};
/* Counts one call that changes or syncs something below the root; sets errno for FAULT_ERROR, does
 * not return when the process is to be killed there. */
enum fault next_fault(enum calls);
int swallows_syncs(void);
