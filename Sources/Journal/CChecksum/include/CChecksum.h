#ifndef C_CHECKSUM_H
#define C_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// CRC-32C by the processor's own instruction: the one thing Swift cannot say.

/// Whether this processor has the instruction; without it the function below must not be called.
int cchecksum_has_instruction(void);

/// The CRC-32C of `count` bytes, continued from `seed`, the checksum of the bytes before them.
/// Safe from any thread.
uint32_t cchecksum_crc32c(uint32_t seed, const void *bytes, size_t count);

#endif
