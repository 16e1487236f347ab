#include <pthread.h>

#include "internal.h"

// The processor's instruction where there is one, else slicing by sixteen, as in the library: the
// rows compare languages, not algorithms.
#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_instruction(
    uint32_t crc, const uint8_t *bytes, size_t count) {
  for (; count >= 8; bytes += 8, count -= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    crc = (uint32_t)_mm_crc32_u64(crc, word);
  }
  for (; count > 0; bytes++, count--) crc = _mm_crc32_u8(crc, *bytes);
  return crc;
}

static int has_instruction(void) {
  return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t by_instruction(uint32_t crc, const uint8_t *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return crc;
}

static int has_instruction(void) {
  return 0;
}
#endif

static uint32_t slices[16][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_slices(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
    slices[0][byte] = crc;
  }
  for (int slice = 1; slice < 16; slice++) {
    for (int byte = 0; byte < 256; byte++) {
      uint32_t previous = slices[slice - 1][byte];
      slices[slice][byte] = previous >> 8 ^ slices[0][previous & 0xFF];
    }
  }
}

static inline uint64_t load_le(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

static inline uint32_t fold(uint64_t word, int base) {
  uint32_t crc = 0;
  for (int i = 0; i < 8; i++) crc ^= slices[base + 7 - i][word >> (8 * i) & 0xFF];
  return crc;
}

uint32_t baseline_crc32c(uint32_t seed, const uint8_t *bytes, size_t count) {
  uint32_t crc = ~seed;
  if (has_instruction()) return ~by_instruction(crc, bytes, count);
  for (; count >= 16; bytes += 16, count -= 16) {
    crc = fold(load_le(bytes) ^ crc, 8) ^ fold(load_le(bytes + 8), 0);
  }
  if (count >= 8) {
    crc = fold(load_le(bytes) ^ crc, 0);
    bytes += 8;
    count -= 8;
  }
  for (; count > 0; bytes++, count--) crc = crc >> 8 ^ slices[0][(crc ^ *bytes) & 0xFF];
  return ~crc;
}

uint32_t baseline_row_checksum(
    int table, const MDB_val *key, const uint8_t *payload, size_t count) {
  pthread_once(&once, make_slices);
  uint8_t number = (uint8_t)(table + 1);
  uint32_t crc = baseline_crc32c(0, &number, 1);
  crc = baseline_crc32c(crc, key->mv_data, key->mv_size);
  return baseline_crc32c(crc, payload, count);
}

int baseline_row_is_intact(
    int table, const MDB_val *key, const MDB_val *stored, size_t *payload_length) {
  if (stored->mv_size < CHECKSUM_BYTES) return 0;
  *payload_length = stored->mv_size - CHECKSUM_BYTES;
  const uint8_t *payload = stored->mv_data;
  return load_be(payload + *payload_length, CHECKSUM_BYTES)
      == baseline_row_checksum(table, key, payload, *payload_length);
}
