#if defined(__linux__)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#endif

#include "FaultySystemCalls.h"

#if defined(__linux__)

static int armed_kind, armed_code, late_done, recording;
static long armed_spared, armed_times, page_bytes;
static struct recorded_call *calls;
static unsigned long call_count, call_capacity;

void faulty_arm(int kind, long spared, long times, int code) {
  armed_kind = kind;
  late_done = 0;
  armed_spared = spared;
  armed_times = times;
  armed_code = code;
}

void faulty_page_bytes(long bytes) { page_bytes = bytes; }
void faulty_record(void) { recording = 1; }
unsigned long faulty_recorded(void) { return call_count; }
struct recorded_call faulty_call(unsigned long index) { return calls[index]; }

static int fails(int kind) {
  if (kind != armed_kind || armed_times <= 0) return 0;
  if (armed_spared > 0) {
    armed_spared--;
    return 0;
  }
  armed_times--;
  errno = armed_code;
  return 1;
}

static void keep(int kind, int fd, const struct iovec *parts, int count, off_t offset) {
  struct stat status;
  struct recorded_call call = {0};
  unsigned char *bytes = NULL;
  if (!recording || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
  for (int part = 0; part < count; part++) {
    bytes = realloc(bytes, call.length + parts[part].iov_len);
    if (bytes == NULL) abort();
    memcpy(bytes + call.length, parts[part].iov_base, parts[part].iov_len);
    call.length += parts[part].iov_len;
  }
  if (call_count == call_capacity) {
    call_capacity = call_capacity * 2 + 1024;
    calls = realloc(calls, call_capacity * sizeof *calls);
    if (calls == NULL) abort();
  }
  if (kind == RECORDED_WRITE && (fcntl(fd, F_GETFL) & O_DSYNC)) kind = RECORDED_DURABLE_WRITE;
  call.kind = kind;
  call.inode = status.st_ino;
  call.offset = offset;
  call.bytes = bytes;
  calls[call_count++] = call;
}

/* The next definition of a name, which is the C library's. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  struct iovec part = {(void *)bytes, count};
  if (fails(count < 4096 ? FAULTY_META : FAULTY_PAGES)) return -1;
  if (count < 4096 && fails(FAULTY_LATE)) {
    if (!late_done) NEXT(pwrite)(fd, bytes, count, offset);
    late_done = 1;
    errno = armed_code;
    return -1;
  }
  keep(RECORDED_WRITE, fd, &part, 1, offset);
  return NEXT(pwrite)(fd, bytes, count, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (fails(FAULTY_PAGES)) return -1;
  keep(RECORDED_WRITE, fd, parts, count, lseek(fd, 0, SEEK_CUR));
  return NEXT(writev)(fd, parts, count);
}

/* Weak: in the test bundle, into which SwiftPM links this too, the bundle's own definition counts. */
__attribute__((weak)) int fdatasync(int fd) {
  if (fails(FAULTY_SYNC)) return -1;
  int code = NEXT(fdatasync)(fd);
  keep(RECORDED_SYNC, fd, NULL, 0, 0);
  return code;
}

int ftruncate(int fd, off_t length) {
  keep(RECORDED_LENGTH, fd, NULL, 0, length);
  return NEXT(ftruncate)(fd, length);
}

long sysconf(int name) {
  if (name == _SC_PAGESIZE && page_bytes > 0) return page_bytes;
  return NEXT(sysconf)(name);
}

#else

void faulty_arm(int kind, long spared, long times, int code) {}
void faulty_page_bytes(long bytes) {}
void faulty_record(void) {}
unsigned long faulty_recorded(void) { return 0; }
struct recorded_call faulty_call(unsigned long index) { return (struct recorded_call){0}; }

#endif
