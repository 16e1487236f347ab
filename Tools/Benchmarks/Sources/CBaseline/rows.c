#include "internal.h"

int baseline_reserve(
    MDB_cursor *cursor, MDB_val *key, size_t payload_length, unsigned flags, uint8_t **payload) {
  MDB_val stored = {payload_length + CHECKSUM_BYTES, NULL};
  int code = mdb_cursor_put(cursor, key, &stored, flags | MDB_RESERVE);
  *payload = stored.mv_data;
  return code;
}

void baseline_seal(int table, const MDB_val *key, uint8_t *payload, size_t payload_length) {
  store_be(
      payload + payload_length, baseline_row_checksum(table, key, payload, payload_length),
      CHECKSUM_BYTES);
}

int baseline_put_record(
    MDB_cursor *cursor, MDB_val *key, unsigned flags, uint64_t sequence, uint32_t open_count,
    const uint8_t *fields, size_t fields_length) {
  uint8_t *payload;
  size_t length = RECORD_PREFIX + fields_length;
  int code = baseline_reserve(cursor, key, length, flags, &payload);
  if (code) return code;
  payload[0] = 1;
  payload[1] = 8 | 16;
  store_be(payload + 2, sequence, 6);
  store_be(payload + 8, sequence, 6);
  store_be(payload + 14, open_count, 4);
  memcpy(payload + RECORD_PREFIX, fields, fields_length);
  baseline_seal(RECORDS, key, payload, length);
  return 0;
}

int baseline_put_edit(MDB_cursor *cursor, uint64_t sequence, uint64_t previous_open) {
  uint8_t key_bytes[8], *payload;
  store_be(key_bytes, sequence, 8);
  MDB_val key = {8, key_bytes};
  int code = baseline_reserve(cursor, &key, 8, MDB_APPEND, &payload);
  if (code) return code;
  payload[0] = 1;
  payload[1] = previous_open ? 2 : 0;
  store_be(payload + 2, previous_open, 6);
  baseline_seal(EDITS, &key, payload, 8);
  return 0;
}
