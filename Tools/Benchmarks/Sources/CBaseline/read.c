#include "internal.h"

int baseline_scan(baseline_journal *journal, const char *name, size_t *rows, size_t *bytes) {
  int table = 0;
  while (table < TABLES && strcmp(name, baseline_tables[table])) table++;
  if (table == TABLES) return MDB_NOTFOUND;
  *rows = *bytes = 0;
  MDB_txn *txn;
  MDB_cursor *cursor;
  int code = mdb_txn_begin(journal->env, NULL, MDB_RDONLY, &txn);
  if (code) return code;
  code = mdb_cursor_open(txn, journal->tables[table], &cursor);
  if (code) {
    mdb_txn_abort(txn);
    return code;
  }
  MDB_val key, stored;
  while (!(code = mdb_cursor_get(cursor, &key, &stored, MDB_NEXT))) {
    size_t length;
    if (!baseline_row_is_intact(table, &key, &stored, &length)) {
      code = MDB_CORRUPTED;
      break;
    }
    *rows += 1;
    *bytes += length;
  }
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  return code == MDB_NOTFOUND ? 0 : code;
}
