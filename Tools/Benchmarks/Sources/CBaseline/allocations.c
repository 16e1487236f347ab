#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "CBaseline.h"

static atomic_int is_counting;
static atomic_size_t counted;

void baseline_count_allocations(int starts) {
  if (starts) atomic_store(&counted, 0);
  atomic_store(&is_counting, starts);
}

size_t baseline_allocations(void) {
  return atomic_load(&counted);
}

#if defined(__GLIBC__)

int baseline_can_count_allocations(void) {
  return 1;
}

// The executable's own malloc comes before the C library's for every library it loads. It only
// counts and passes on.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static inline void note(void) {
  if (atomic_load_explicit(&is_counting, memory_order_relaxed))
    atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed);
}

void *malloc(size_t bytes) {
  note();
  return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
  note();
  return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes) {
  note();
  return __libc_realloc(old, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  note();
  *memory = __libc_memalign(alignment, bytes);
  return *memory ? 0 : ENOMEM;
}

#else

int baseline_can_count_allocations(void) {
  return 0;
}

#endif
