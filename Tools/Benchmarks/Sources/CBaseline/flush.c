#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

static int flush(int descriptor) {
#if defined(__APPLE__)
  // Plain fsync leaves the data in the drive's cache there.
  return fcntl(descriptor, F_FULLFSYNC);
#else
  return fdatasync(descriptor);
#endif
}

static double microseconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int baseline_flushes(const char *file, double *microseconds, size_t count) {
  enum { PAGE = 4096, PAGES = 64 };
  static uint8_t page[PAGE];
  int descriptor = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (descriptor < 0) return errno;
  int failed = 0;
  // The file has its blocks before the clock runs: a database overwrites pages it has.
  for (int i = 0; i < PAGES && !failed; i++)
    failed = pwrite(descriptor, page, PAGE, (off_t)i * PAGE) != PAGE;
  failed = failed || fsync(descriptor);
  for (size_t i = 0; i < count && !failed; i++) {
    memset(page, (int)i, PAGE);
    double start = microseconds_now();
    failed = pwrite(descriptor, page, PAGE, (off_t)(i % PAGES) * PAGE) != PAGE
        || flush(descriptor) == -1;
    microseconds[i] = microseconds_now() - start;
  }
  int code = failed ? errno : 0;
  close(descriptor);
  unlink(file);
  return code;
}
