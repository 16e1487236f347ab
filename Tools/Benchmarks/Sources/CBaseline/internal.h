#ifndef C_BASELINE_INTERNAL_H
#define C_BASELINE_INTERNAL_H

#include <lmdb.h>
#include <string.h>

#include "CBaseline.h"

enum { META, ENTRIES, IDS, EDITS, RECORDS, BASELINE, TREE, GAPS, ORIGINS, PEERS, TABLES };

extern const char *const baseline_tables[TABLES];

enum {
  CHECKSUM_BYTES = 4,
  ENTRY_PREFIX = 97,
  // layout, flags, last entry, newest open edit, number of open edits
  RECORD_PREFIX = 18,
  FRONTIER_HASHES = 9,
  HEAD_BYTES = 40 + 32 * FRONTIER_HASHES,
};

struct baseline_journal {
  MDB_env *env;
  MDB_dbi tables[TABLES];
  uint64_t last_sequence;
};

uint32_t baseline_crc32c(uint32_t seed, const uint8_t *bytes, size_t count);

/// The checksum of a row as the format defines it.
uint32_t baseline_row_checksum(int table, const MDB_val *key, const uint8_t *payload, size_t count);

/// Whether a stored row agrees with its checksum; `payload_length` is without it.
int baseline_row_is_intact(
    int table, const MDB_val *key, const MDB_val *stored, size_t *payload_length);

/// Stores a row whose payload `fill` has yet to write: returns where, with room for the checksum.
int baseline_reserve(
    MDB_cursor *cursor, MDB_val *key, size_t payload_length, unsigned flags, uint8_t **payload);

void baseline_seal(int table, const MDB_val *key, uint8_t *payload, size_t payload_length);

/// Writes a record's row: what an overlay of `open_count` edits leaves visible.
int baseline_put_record(
    MDB_cursor *cursor, MDB_val *key, unsigned flags, uint64_t sequence, uint32_t open_count,
    const uint8_t *fields, size_t fields_length);

/// Writes the row of a pending edit.
int baseline_put_edit(MDB_cursor *cursor, uint64_t sequence, uint64_t previous_open);

static inline void store_be(uint8_t *at, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) {
    at[i] = (uint8_t)value;
    value >>= 8;
  }
}

static inline uint64_t load_be(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | at[i];
  return value;
}

#endif
