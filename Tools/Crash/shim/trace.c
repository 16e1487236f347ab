/* The trace file and the table of descriptors. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[PATH_MAX];
static size_t root_bytes;
static int trace = -1;
static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER;

enum { MAX_DESCRIPTORS = 65536 };
static struct {
  uint64_t device, inode;
  unsigned flags;
} descriptors[MAX_DESCRIPTORS];

__attribute__((constructor)) static void set_up(void) {
  const char *directory = getenv("CRASH_ROOT"), *file = getenv("CRASH_TRACE");
  if (!directory || strlen(directory) >= sizeof root) return;
  strcpy(root, directory);
  root_bytes = strlen(root);
  if (!file) return;
  trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (trace < 0) {
    perror("recorder: cannot open the trace");
    _exit(120);
  }
}

int is_recording(void) { return trace >= 0; }

/* Locks of a process exclude its threads from nothing: hence both. The system drops the second when
 * the process is killed. */
void record_begin(void) {
  int error = errno;
  pthread_mutex_lock(&threads);
  if (trace >= 0) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    while (syscall(SYS_fcntl, trace, F_OFD_SETLKW, &lock) != 0 && errno == EINTR) {
    }
  }
  errno = error;
}

void record_end(void) {
  int error = errno;
  if (trace >= 0) {
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    syscall(SYS_fcntl, trace, F_OFD_SETLK, &lock);
  }
  pthread_mutex_unlock(&threads);
  errno = error;
}

void record(enum event type, unsigned flags, uint64_t inode, int64_t offset, const void *first,
            size_t first_bytes, const void *second, size_t second_bytes) {
  if (trace < 0) return;
  int error = errno;
  struct {
    uint32_t type, flags, process, first_bytes, second_bytes, unused;
    uint64_t inode;
    int64_t offset;
  } header = {type, flags, (uint32_t)getpid(), (uint32_t)first_bytes, (uint32_t)second_bytes, 0,
              inode, offset};
  struct iovec parts[3] = {
      {&header, sizeof header}, {(void *)first, first_bytes}, {(void *)second, second_bytes}};
  ssize_t total = (ssize_t)(sizeof header + first_bytes + second_bytes);
  if (syscall(SYS_writev, trace, parts, 3) != total) {
    perror("recorder: cannot write the trace");
    _exit(120);
  }
  errno = error;
}

int below_root(int directory, const char *path, char *out) {
  if (!root_bytes || !path) return 0;
  int error = errno;
  char whole[PATH_MAX], parent[PATH_MAX];
  if (path[0] == '/') {
    if (snprintf(whole, sizeof whole, "%s", path) >= (int)sizeof whole) return 0;
  } else {
    char base[PATH_MAX], link[64];
    if (directory == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
      ssize_t count = readlink(link, base, sizeof base - 1);
      if (count < 0) return 0;
      base[count] = 0;
    }
    if (snprintf(whole, sizeof whole, "%s/%s", base, path) >= (int)sizeof whole) return 0;
  }
  size_t length = strlen(whole);
  while (length > 1 && whole[length - 1] == '/') whole[--length] = 0;
  char *slash = strrchr(whole, '/');
  *slash = 0;
  char *resolved = realpath(slash == whole ? "/" : whole, parent);
  errno = error;
  if (!resolved) return 0;
  if (snprintf(out, PATH_MAX, "%s/%s", parent, slash + 1) >= PATH_MAX) return 0;
  return strncmp(out, root, root_bytes) == 0 && (out[root_bytes] == '/' || out[root_bytes] == 0);
}

void remember_descriptor(int descriptor, int flags) {
  if (descriptor < 0 || descriptor >= MAX_DESCRIPTORS) return;
  int error = errno;
  struct stat status;
  if (fstat(descriptor, &status) == 0) {
    descriptors[descriptor].device = status.st_dev;
    descriptors[descriptor].flags = flags & (O_DSYNC | O_SYNC) ? FLAG_DURABLE : 0;
    descriptors[descriptor].inode = status.st_ino;
  }
  errno = error;
}

void forget_descriptor(int descriptor) {
  if (descriptor >= 0 && descriptor < MAX_DESCRIPTORS) descriptors[descriptor].inode = 0;
}

uint64_t remembered(int descriptor, unsigned *flags) {
  if (descriptor < 0 || descriptor >= MAX_DESCRIPTORS) return 0;
  uint64_t inode = descriptors[descriptor].inode;
  if (!inode) return 0;
  /* The number may have been closed behind this library's back and stand for something else. */
  int error = errno;
  struct stat status;
  int same = fstat(descriptor, &status) == 0 && status.st_ino == inode &&
             status.st_dev == descriptors[descriptor].device;
  errno = error;
  if (!same) return 0;
  *flags = swallows_syncs() ? 0 : descriptors[descriptor].flags;
  return inode;
}
