#include <time.h>

#include "internal.h"

typedef struct {
  MDB_cursor *entries, *ids, *edits, *records;
} cursors;

static uint64_t milliseconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/// Sixteen bytes that ascend with the sequence, as ids made in order do.
static void make_id(uint8_t id[16], uint64_t time, uint64_t sequence) {
  store_be(id, time << 16 | 0x7000, 8);
  store_be(id + 8, sequence | (uint64_t)1 << 63, 8);
}

static void write_prefix(
    uint8_t *payload, const uint8_t id[16], uint64_t group, uint64_t time, uint64_t previous) {
  payload[0] = 1;
  payload[1] = 5;
  store_be(payload + 2, group ? 1 : 0, 2);
  store_be(payload + 4, 0, 4);
  memcpy(payload + 8, id, 16);
  store_be(payload + 24, group, 8);
  store_be(payload + 32, time, 8);
  store_be(payload + 40, 0, 2);
  // A commitment, an encoding and a salt nobody computed.
  memset(payload + 42, 0x5A, 32);
  payload[74] = 0;
  memset(payload + 75, 0xA5, 16);
  store_be(payload + 91, previous, 6);
}

static int append_one(
    baseline_journal *journal, cursors *open, const baseline_entry *entry, uint64_t time,
    uint64_t group) {
  uint64_t sequence = journal->last_sequence + 1, previous = 0;
  uint32_t open_count = 0;
  size_t length;
  MDB_val row_key = {entry->row_key_length, (void *)entry->row_key}, stored;
  int code = mdb_get(
      mdb_cursor_txn(open->records), journal->tables[RECORDS], &row_key, &stored);
  if (!code) {
    if (!baseline_row_is_intact(RECORDS, &row_key, &stored, &length)) return MDB_CORRUPTED;
    previous = load_be((const uint8_t *)stored.mv_data + 2, 6);
    open_count = (uint32_t)load_be((const uint8_t *)stored.mv_data + 14, 4);
  } else if (code != MDB_NOTFOUND) {
    return code;
  }
  code = baseline_put_record(
      open->records, &row_key, 0, sequence, open_count + 1,
      entry->body + entry->body_length - entry->fields_length, entry->fields_length);
  if (code || (code = baseline_put_edit(open->edits, sequence, previous))) return code;

  uint8_t id[16], key_bytes[8], *payload;
  make_id(id, time, sequence);
  store_be(key_bytes, sequence, 8);
  MDB_val key = {8, key_bytes}, id_key = {16, id};
  length = ENTRY_PREFIX + entry->body_length;
  if ((code = baseline_reserve(open->entries, &key, length, MDB_APPEND, &payload))) return code;
  write_prefix(payload, id, group, time, previous);
  memcpy(payload + ENTRY_PREFIX, entry->body, entry->body_length);
  baseline_seal(ENTRIES, &key, payload, length);

  if ((code = baseline_reserve(open->ids, &id_key, 6, MDB_APPEND, &payload))) return code;
  store_be(payload, sequence, 6);
  baseline_seal(IDS, &id_key, payload, 6);
  journal->last_sequence = sequence;
  return 0;
}

static int put_meta(
    baseline_journal *journal, MDB_txn *txn, const char *name, const uint8_t *payload,
    size_t length) {
  uint8_t row[HEAD_BYTES + CHECKSUM_BYTES];
  MDB_val key = {strlen(name), (void *)name}, stored = {length + CHECKSUM_BYTES, row};
  memcpy(row, payload, length);
  baseline_seal(META, &key, row, length);
  return mdb_put(txn, journal->tables[META], &key, &stored, 0);
}

static int finish(baseline_journal *journal, MDB_txn *txn, uint64_t time) {
  uint8_t head[HEAD_BYTES] = {0}, fold[76] = {0};
  store_be(head, mdb_txn_id(txn), 8);
  store_be(head + 16, journal->last_sequence, 8);
  store_be(head + 24, time, 8);
  store_be(head + 32, journal->last_sequence, 8);
  store_be(fold, 1, 4);
  store_be(fold + 4, journal->last_sequence, 8);
  int code = put_meta(journal, txn, "head", head, sizeof head);
  return code ? code : put_meta(journal, txn, "fold", fold, sizeof fold);
}

static int append_batch(
    baseline_journal *journal, MDB_txn *txn, const baseline_entry *entries, size_t count) {
  cursors open;
  int code = mdb_cursor_open(txn, journal->tables[ENTRIES], &open.entries);
  if (!code) code = mdb_cursor_open(txn, journal->tables[IDS], &open.ids);
  if (!code) code = mdb_cursor_open(txn, journal->tables[EDITS], &open.edits);
  if (!code) code = mdb_cursor_open(txn, journal->tables[RECORDS], &open.records);
  uint64_t time = milliseconds_now(), group = count > 1 ? journal->last_sequence + 1 : 0;
  for (size_t i = 0; i < count && !code; i++)
    code = append_one(journal, &open, &entries[i], time, group);
  return code ? code : finish(journal, txn, time);
}

int baseline_append(
    baseline_journal *journal, const baseline_entry *entries, size_t count, size_t batch) {
  for (size_t done = 0; done < count; done += batch) {
    MDB_txn *txn;
    int code = mdb_txn_begin(journal->env, NULL, 0, &txn);
    if (code) return code;
    size_t left = count - done;
    code = append_batch(journal, txn, entries + done, left < batch ? left : batch);
    if (code) {
      mdb_txn_abort(txn);
      return code;
    }
    if ((code = mdb_txn_commit(txn))) return code;
  }
  return 0;
}
