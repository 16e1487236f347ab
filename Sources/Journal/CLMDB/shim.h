#include <lmdb.h>

#if defined(__linux__)
/* Swift's C library modules lack `statfs`. */
#include <sys/statfs.h>
#endif
