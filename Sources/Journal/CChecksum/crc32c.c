#include "CChecksum.h"

#include <string.h>

// The instruction is compiled for one function only and asked for at run time: the library runs on
// processors without it.
#if defined(__x86_64__)
#include <cpuid.h>
#include <nmmintrin.h>
#define WITH_INSTRUCTION __attribute__((target("sse4.2")))
#define STEP8(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
#define STEP4(crc, word) _mm_crc32_u32((crc), (word))
#define STEP2(crc, word) _mm_crc32_u16((crc), (word))
#define STEP1(crc, byte) _mm_crc32_u8((crc), (byte))

static int detect(void) {
  unsigned int a, b, c = 0, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_2);
}
#elif defined(__aarch64__) && defined(__ORDER_LITTLE_ENDIAN__) \
    && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#if defined(__APPLE__)
#define WITH_INSTRUCTION
#else
#define WITH_INSTRUCTION __attribute__((target("crc")))
#endif
#define STEP8(crc, word) __builtin_arm_crc32cd((crc), (word))
#define STEP4(crc, word) __builtin_arm_crc32cw((crc), (word))
#define STEP2(crc, word) __builtin_arm_crc32ch((crc), (word))
#define STEP1(crc, byte) __builtin_arm_crc32cb((crc), (byte))

static int detect(void) {
#if defined(__APPLE__)
  return 1;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) & (1 << 7)) != 0;  // HWCAP_CRC32
#else
  return 0;
#endif
}
#endif

#if defined(WITH_INSTRUCTION)

static int has_instruction;

// Before main, on one thread: no reader ever sees it change.
__attribute__((constructor)) static void ask_processor(void) {
  has_instruction = detect();
}

int cchecksum_has_instruction(void) {
  return has_instruction;
}

WITH_INSTRUCTION uint32_t cchecksum_crc32c(uint32_t seed, const void *bytes, size_t count) {
  const uint8_t *at = bytes;
  uint32_t crc = ~seed;
  for (; count >= 8; at += 8, count -= 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    crc = STEP8(crc, word);
  }
  // Each step waits for the one before: three for the rest, not one a byte.
  if (count & 4) {
    uint32_t word;
    memcpy(&word, at, 4);
    crc = STEP4(crc, word);
    at += 4;
  }
  if (count & 2) {
    uint16_t word;
    memcpy(&word, at, 2);
    crc = STEP2(crc, word);
    at += 2;
  }
  if (count & 1) crc = STEP1(crc, *at);
  return ~crc;
}

#else

int cchecksum_has_instruction(void) {
  return 0;
}

uint32_t cchecksum_crc32c(uint32_t seed, const void *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return seed;
}

#endif
