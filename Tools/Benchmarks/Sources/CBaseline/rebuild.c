#include "internal.h"

/// Steps over a CBOR text of fewer than 256 bytes; NULL when there is none.
static const uint8_t *take_text(
    const uint8_t *at, const uint8_t *end, const uint8_t **text, size_t *length) {
  if (at >= end) return NULL;
  if (*at >= 0x60 && *at < 0x78) {
    *length = *at++ - 0x60;
  } else if (*at == 0x78 && end - at >= 2) {
    *length = at[1];
    at += 2;
  } else {
    return NULL;
  }
  if ((size_t)(end - at) < *length) return NULL;
  *text = at;
  return at + *length;
}

typedef struct {
  uint8_t row_key[260];
  size_t row_key_length;
  const uint8_t *fields;
  size_t fields_length;
} edit;

/// Takes the body of a put apart: {1: collection, 2: key, 7: fields}.
static int parse(const uint8_t *body, size_t length, edit *found) {
  const uint8_t *at = body, *end = body + length, *name, *key;
  size_t name_length, key_length;
  if (length < 4 || at[0] != 0xA3 || at[1] != 1) return MDB_INVALID;
  at = take_text(at + 2, end, &name, &name_length);
  if (!at || at >= end || *at++ != 2) return MDB_INVALID;
  at = take_text(at, end, &key, &key_length);
  if (!at || at >= end || *at++ != 7) return MDB_INVALID;
  if (name_length > 128 || key_length > 128) return MDB_INVALID;
  memcpy(found->row_key, name, name_length);
  memset(found->row_key + name_length, 0, 2);
  memcpy(found->row_key + name_length + 2, key, key_length);
  found->row_key_length = name_length + 2 + key_length;
  found->fields = at;
  found->fields_length = (size_t)(end - at);
  return 0;
}

static int fold_entry(
    baseline_journal *journal, MDB_txn *txn, MDB_cursor *records, MDB_cursor *edits,
    const MDB_val *key, const MDB_val *stored) {
  size_t length;
  edit found;
  if (!baseline_row_is_intact(ENTRIES, key, stored, &length) || length < ENTRY_PREFIX)
    return MDB_CORRUPTED;
  int code = parse((const uint8_t *)stored->mv_data + ENTRY_PREFIX, length - ENTRY_PREFIX, &found);
  if (code) return code;
  uint64_t sequence = load_be(key->mv_data, 8), previous = 0;
  uint32_t open_count = 0;
  MDB_val row_key = {found.row_key_length, found.row_key}, row;
  code = mdb_get(txn, journal->tables[RECORDS], &row_key, &row);
  if (!code) {
    size_t row_length;
    if (!baseline_row_is_intact(RECORDS, &row_key, &row, &row_length)) return MDB_CORRUPTED;
    previous = load_be((const uint8_t *)row.mv_data + 2, 6);
    open_count = (uint32_t)load_be((const uint8_t *)row.mv_data + 14, 4);
  } else if (code != MDB_NOTFOUND) {
    return code;
  }
  code = baseline_put_record(
      records, &row_key, 0, sequence, open_count + 1, found.fields, found.fields_length);
  return code ? code : baseline_put_edit(edits, sequence, previous);
}

static int rebuild(baseline_journal *journal, MDB_txn *txn) {
  MDB_cursor *entries, *records, *edits;
  int code = mdb_drop(txn, journal->tables[RECORDS], 0);
  if (!code) code = mdb_drop(txn, journal->tables[EDITS], 0);
  if (!code) code = mdb_cursor_open(txn, journal->tables[ENTRIES], &entries);
  if (!code) code = mdb_cursor_open(txn, journal->tables[RECORDS], &records);
  if (!code) code = mdb_cursor_open(txn, journal->tables[EDITS], &edits);
  MDB_val key, stored;
  while (!code && !(code = mdb_cursor_get(entries, &key, &stored, MDB_NEXT)))
    code = fold_entry(journal, txn, records, edits, &key, &stored);
  return code == MDB_NOTFOUND ? 0 : code;
}

int baseline_rebuild(baseline_journal *journal) {
  MDB_txn *txn;
  int code = mdb_txn_begin(journal->env, NULL, 0, &txn);
  if (code) return code;
  code = rebuild(journal, txn);
  if (code) {
    mdb_txn_abort(txn);
    return code;
  }
  return mdb_txn_commit(txn);
}
