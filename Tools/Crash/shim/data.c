/* Calls that write, cut or sync the content of files. */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Writes, and records what arrived; an offset of -1 is the descriptor's own. */
static ssize_t write_parts(int descriptor, const struct iovec *parts, int count, off_t offset) {
  unsigned flags = 0;
  uint64_t inode = remembered(descriptor, &flags);
  int is_output = descriptor == STDOUT_FILENO && !inode && is_recording();
  if (!inode && !is_output) {
    return offset < 0 ? syscall(SYS_writev, descriptor, parts, count)
                      : syscall(SYS_pwritev, descriptor, parts, count, offset, 0L);
  }
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  char *bytes = malloc(total ? total : 1);
  if (!bytes) abort();
  size_t filled = 0;
  for (int i = 0; i < count; i++) {
    memcpy(bytes + filled, parts[i].iov_base, parts[i].iov_len);
    filled += parts[i].iov_len;
  }
  ssize_t written = -1;
  record_begin();
  if (is_output) {
    /* An answer counts from the moment in which it may be seen. */
    record(EVENT_OUTPUT, 0, 0, 0, bytes, total, NULL, 0);
    record_end();
    written = syscall(SYS_write, descriptor, bytes, total);
  } else {
    enum fault fault = next_fault(CALL_WRITE);
    if (fault == FAULT_SHORT && total > 1) total /= 2;
    if (fault != FAULT_ERROR) {
      off_t place = offset;
      if (place < 0) {
        struct stat status;
        int append = (int)syscall(SYS_fcntl, descriptor, F_GETFL) & O_APPEND;
        place = append && fstat(descriptor, &status) == 0 ? status.st_size
                                                          : lseek(descriptor, 0, SEEK_CUR);
      }
      written = offset < 0 ? syscall(SYS_write, descriptor, bytes, total)
                           : syscall(SYS_pwrite64, descriptor, bytes, total, offset);
      if (fault == FAULT_LATE) flags = 0;
      if (written > 0) record(EVENT_WRITE, flags, inode, place, bytes, (size_t)written, NULL, 0);
      if (fault == FAULT_LATE) {
        written = -1;
        errno = EIO;
      }
    }
    record_end();
  }
  int error = errno;
  free(bytes);
  errno = error;
  return written;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  struct iovec part = {(void *)bytes, count};
  return write_parts(descriptor, &part, 1, -1);
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  return write_parts(descriptor, parts, count, -1);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
  struct iovec part = {(void *)bytes, count};
  return write_parts(descriptor, &part, 1, offset);
}
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  return pwrite64(descriptor, bytes, count, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
  return write_parts(descriptor, parts, count, offset);
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  return pwritev64(descriptor, parts, count, offset);
}

static int synced(long call, int descriptor) {
  unsigned flags;
  uint64_t inode = remembered(descriptor, &flags);
  if (!inode) return (int)syscall(call, descriptor);
  int result = -1;
  record_begin();
  if (next_fault(CALL_SYNC) != FAULT_ERROR) {
    /* The real call costs time and changes nothing that a trace could show. */
    result = is_recording() || swallows_syncs() ? 0 : (int)syscall(call, descriptor);
    if (result == 0 && !swallows_syncs()) record(EVENT_SYNC, 0, inode, 0, NULL, 0, NULL, 0);
  } else {
    record(EVENT_SYNC, FLAG_FAILED, inode, 0, NULL, 0, NULL, 0);
  }
  record_end();
  return result;
}

int fsync(int descriptor) { return synced(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return synced(SYS_fdatasync, descriptor); }

int ftruncate64(int descriptor, off64_t size) {
  unsigned flags;
  uint64_t inode = remembered(descriptor, &flags);
  if (!inode) return (int)syscall(SYS_ftruncate, descriptor, size);
  int result = -1;
  record_begin();
  if (next_fault(CALL_TRUNCATE) != FAULT_ERROR) {
    result = (int)syscall(SYS_ftruncate, descriptor, size);
    if (result == 0) record(EVENT_TRUNCATE, 0, inode, size, NULL, 0, NULL, 0);
  }
  record_end();
  return result;
}
int ftruncate(int descriptor, off_t size) { return ftruncate64(descriptor, size); }

/* Reserving space beyond the end makes the file longer; anything else changes no content. */
int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
  unsigned flags;
  uint64_t inode = remembered(descriptor, &flags);
  if (!inode) return (int)syscall(SYS_fallocate, descriptor, mode, offset, length);
  int result = -1;
  record_begin();
  if (mode != 0) {
    errno = EOPNOTSUPP; /* punching holes is not modelled; nobody here does it */
  } else if (next_fault(CALL_TRUNCATE) != FAULT_ERROR) {
    struct stat before;
    result = fstat(descriptor, &before) != 0
                 ? -1
                 : (int)syscall(SYS_fallocate, descriptor, mode, offset, length);
    if (result == 0 && offset + length > before.st_size)
      record(EVENT_TRUNCATE, 0, inode, offset + length, NULL, 0, NULL, 0);
  }
  record_end();
  return result;
}
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  return fallocate64(descriptor, mode, offset, length);
}
int posix_fallocate(int descriptor, off_t offset, off_t length) {
  return fallocate64(descriptor, 0, offset, length) == 0 ? 0 : errno;
}
