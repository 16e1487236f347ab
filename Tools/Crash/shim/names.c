/* Calls that make, move and remove names. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t inode_of(const char *path) {
  struct stat status;
  int error = errno;
  uint64_t inode = fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
  errno = error;
  return inode;
}

static int open_file(int directory, const char *path, int flags, mode_t mode) {
  char whole[PATH_MAX];
  const char *boot = getenv("CRASH_BOOT_ID");
  if (boot && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) path = boot;
  if (!below_root(directory, path, whole)) {
    int descriptor = (int)syscall(SYS_openat, directory, path, flags, mode);
    forget_descriptor(descriptor);
    return descriptor;
  }
  int asked = swallows_syncs() ? flags & ~(O_DSYNC | O_SYNC) : flags;
  if (!(flags & (O_CREAT | O_TRUNC))) {
    int descriptor = (int)syscall(SYS_openat, directory, path, asked, mode);
    remember_descriptor(descriptor, flags);
    return descriptor;
  }
  int descriptor = -1;
  record_begin();
  uint64_t before = inode_of(whole);
  if (before || next_fault(CALL_CREATE) != FAULT_ERROR) {
    descriptor = (int)syscall(SYS_openat, directory, path, asked, mode);
    if (descriptor >= 0 && !before)
      record(EVENT_CREATE, 0, inode_of(whole), 0, whole, strlen(whole), NULL, 0);
    if (descriptor >= 0 && before && flags & O_TRUNC)
      record(EVENT_TRUNCATE, 0, before, 0, NULL, 0, NULL, 0);
  }
  remember_descriptor(descriptor, flags);
  record_end();
  return descriptor;
}

#define MODE_OF(flags)                              \
  mode_t mode = 0;                                  \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {          \
    va_list list;                                   \
    va_start(list, flags);                          \
    mode = va_arg(list, mode_t);                    \
    va_end(list);                                   \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_file(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_file(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_file(directory, path, flags, mode);
}
int openat64(int directory, const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_file(directory, path, flags, mode);
}
int __open_2(const char *path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_file(AT_FDCWD, path, flags, 0); }
int creat(const char *path, mode_t mode) {
  return open_file(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int descriptor) {
  forget_descriptor(descriptor);
  return (int)syscall(SYS_close, descriptor);
}

static int rename_file(int from_directory, const char *from, int to_directory, const char *to,
                       unsigned flags) {
  char old[PATH_MAX], new[PATH_MAX];
  int is_ours = below_root(from_directory, from, old) | below_root(to_directory, to, new);
  if (!is_ours) return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
  int result = -1;
  record_begin();
  if (next_fault(CALL_RENAME) != FAULT_ERROR) {
    result = (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
    if (result == 0) record(EVENT_RENAME, flags, 0, 0, old, strlen(old), new, strlen(new));
  }
  record_end();
  return result;
}
int rename(const char *from, const char *to) {
  return rename_file(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int from_directory, const char *from, int to_directory, const char *to) {
  return rename_file(from_directory, from, to_directory, to, 0);
}
int renameat2(int from_directory, const char *from, int to_directory, const char *to,
              unsigned flags) {
  return rename_file(from_directory, from, to_directory, to, flags);
}

int unlinkat(int directory, const char *path, int flags) {
  char whole[PATH_MAX];
  if (!below_root(directory, path, whole))
    return (int)syscall(SYS_unlinkat, directory, path, flags);
  int result = -1;
  record_begin();
  if (next_fault(CALL_UNLINK) != FAULT_ERROR) {
    result = (int)syscall(SYS_unlinkat, directory, path, flags);
    enum event event = flags & AT_REMOVEDIR ? EVENT_REMOVE_DIRECTORY : EVENT_UNLINK;
    if (result == 0) record(event, 0, 0, 0, whole, strlen(whole), NULL, 0);
  }
  record_end();
  return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  int result = unlinkat(AT_FDCWD, path, 0);
  return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

int mkdirat(int directory, const char *path, mode_t mode) {
  char whole[PATH_MAX];
  if (!below_root(directory, path, whole)) return (int)syscall(SYS_mkdirat, directory, path, mode);
  int result = -1;
  record_begin();
  if (next_fault(CALL_MAKE_DIRECTORY) != FAULT_ERROR) {
    result = (int)syscall(SYS_mkdirat, directory, path, mode);
    if (result == 0)
      record(EVENT_MAKE_DIRECTORY, 0, inode_of(whole), 0, whole, strlen(whole), NULL, 0);
  }
  record_end();
  return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
  char old[PATH_MAX], new[PATH_MAX];
  int is_ours = below_root(from_directory, from, old) | below_root(to_directory, to, new);
  if (!is_ours) return (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
  int result = -1;
  record_begin();
  if (next_fault(CALL_CREATE) != FAULT_ERROR) {
    result = (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
    if (result == 0) record(EVENT_LINK, 0, 0, 0, old, strlen(old), new, strlen(new));
  }
  record_end();
  return result;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
