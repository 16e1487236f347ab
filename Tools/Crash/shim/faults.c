/* CRASH_FAULT=CALLS:N:ACTION[:sticky]: what the N-th call of these kinds meets, counted per process
 * from 1. CALLS: any, write, sync, truncate, create, rename, unlink or mkdir. ACTION: EIO, ENOSPC,
 * EINTR, SHORT (half of what was to be written), LATE (written, but reported as EIO and not durable) or
 * KILL (before the call does anything). SHORT and LATE let through what writes nothing. Sticky: every later one as well. */
#include "shim.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned wanted_calls;
static unsigned long wanted_number;
static int action, is_sticky, is_swallowing;
static atomic_ulong counted;

enum { ACTION_SHORT = -1, ACTION_KILL = -2, ACTION_LATE = -3 };

static unsigned calls_named(const char *name) {
  static const struct {
    const char *name;
    unsigned calls;
  } names[] = {{"any", ~0u},           {"write", CALL_WRITE},   {"sync", CALL_SYNC},
               {"truncate", CALL_TRUNCATE}, {"create", CALL_CREATE}, {"rename", CALL_RENAME},
               {"unlink", CALL_UNLINK}, {"mkdir", CALL_MAKE_DIRECTORY}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i].name) == 0) return names[i].calls;
  return 0;
}

static int action_named(const char *name) {
  if (strcmp(name, "EIO") == 0) return EIO;
  if (strcmp(name, "ENOSPC") == 0) return ENOSPC;
  if (strcmp(name, "EINTR") == 0) return EINTR;
  if (strcmp(name, "SHORT") == 0) return ACTION_SHORT;
  if (strcmp(name, "LATE") == 0) return ACTION_LATE;
  if (strcmp(name, "KILL") == 0) return ACTION_KILL;
  return 0;
}

__attribute__((constructor)) static void set_up(void) {
  is_swallowing = getenv("CRASH_NOSYNC") != NULL;
  const char *text = getenv("CRASH_FAULT");
  if (!text) return;
  char calls[16], what[16], more[16] = "";
  if (sscanf(text, "%15[^:]:%lu:%15[^:]:%15s", calls, &wanted_number, what, more) < 3 ||
      !(wanted_calls = calls_named(calls)) || !(action = action_named(what))) {
    fprintf(stderr, "CRASH_FAULT=%s is not CALLS:N:ACTION[:sticky]\n", text);
    _exit(120);
  }
  is_sticky = strcmp(more, "sticky") == 0;
}

int swallows_syncs(void) { return is_swallowing; }

enum fault next_fault(enum calls call) {
  if (!(wanted_calls & call)) return FAULT_NONE;
  unsigned long number = atomic_fetch_add(&counted, 1) + 1;
  if (number != wanted_number && !(is_sticky && number > wanted_number)) return FAULT_NONE;
  if (action == ACTION_KILL) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  record(EVENT_FAULT, 0, 0, 0, NULL, 0, NULL, 0);
  if (action == ACTION_SHORT) return call == CALL_WRITE ? FAULT_SHORT : FAULT_NONE;
  if (action == ACTION_LATE) return call == CALL_WRITE ? FAULT_LATE : FAULT_NONE;
  errno = action;
  return FAULT_ERROR;
}
