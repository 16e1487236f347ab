#include <sqlite3.h>
#include <stdlib.h>

#include "CBaseline.h"

// What an app might use instead: SQLite through its C interface, write-ahead log, a flush for each
// commit, one journal row and one document row for each edit.

static int run(sqlite3 *database, const char *sql) {
  return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : BASELINE_SQLITE_FAILED;
}

static int open_database(const char *file, sqlite3 **database) {
  if (sqlite3_open(file, database) != SQLITE_OK) return BASELINE_SQLITE_FAILED;
  return run(*database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
}

static int insert(sqlite3_stmt *journal, sqlite3_stmt *documents, const baseline_entry *entry) {
  sqlite3_bind_blob(journal, 1, entry->row_key, (int)entry->row_key_length, SQLITE_STATIC);
  sqlite3_bind_blob(journal, 2, entry->body, (int)entry->body_length, SQLITE_STATIC);
  sqlite3_bind_blob(documents, 1, entry->row_key, (int)entry->row_key_length, SQLITE_STATIC);
  sqlite3_bind_blob(
      documents, 2, entry->body + entry->body_length - entry->fields_length,
      (int)entry->fields_length, SQLITE_STATIC);
  int failed = sqlite3_step(journal) != SQLITE_DONE || sqlite3_step(documents) != SQLITE_DONE;
  sqlite3_reset(journal);
  sqlite3_reset(documents);
  return failed ? BASELINE_SQLITE_FAILED : 0;
}

static int insert_all(
    sqlite3 *database, sqlite3_stmt *journal, sqlite3_stmt *documents,
    const baseline_entry *entries, size_t count, size_t batch) {
  for (size_t i = 0; i < count; i++) {
    int code = i % batch == 0 ? run(database, "BEGIN IMMEDIATE") : 0;
    if (!code) code = insert(journal, documents, &entries[i]);
    if (!code && (i % batch == batch - 1 || i == count - 1)) code = run(database, "COMMIT");
    if (code) return code;
  }
  return 0;
}

int baseline_sqlite_append(
    const char *file, const baseline_entry *entries, size_t count, size_t batch) {
  sqlite3 *database = NULL;
  sqlite3_stmt *journal = NULL, *documents = NULL;
  int code = open_database(file, &database);
  if (!code)
    code = run(
        database,
        "CREATE TABLE journal (sequence INTEGER PRIMARY KEY, record BLOB NOT NULL, body BLOB NOT NULL);"
        "CREATE TABLE documents (record BLOB PRIMARY KEY, fields BLOB NOT NULL) WITHOUT ROWID");
  if (!code
      && (sqlite3_prepare_v2(
              database, "INSERT INTO journal (record, body) VALUES (?, ?)", -1, &journal, NULL)
          || sqlite3_prepare_v2(
              database,
              "INSERT INTO documents (record, fields) VALUES (?, ?)"
              " ON CONFLICT (record) DO UPDATE SET fields = excluded.fields",
              -1, &documents, NULL)))
    code = BASELINE_SQLITE_FAILED;
  if (!code) code = insert_all(database, journal, documents, entries, count, batch);
  sqlite3_finalize(journal);
  sqlite3_finalize(documents);
  sqlite3_close(database);
  return code;
}

int baseline_sqlite_open_and_read(const char *file, size_t limit, size_t *rows) {
  sqlite3 *database = NULL;
  sqlite3_stmt *statement = NULL;
  *rows = 0;
  int code = open_database(file, &database);
  if (!code
      && sqlite3_prepare_v2(
          database, "SELECT sequence, record, body FROM journal LIMIT ?", -1, &statement, NULL))
    code = BASELINE_SQLITE_FAILED;
  if (!code) {
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)limit);
    size_t bytes = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      bytes += (size_t)sqlite3_column_bytes(statement, 2);
      *rows += sqlite3_column_blob(statement, 2) != NULL;
    }
    if (*rows && !bytes) code = BASELINE_SQLITE_FAILED;
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return code;
}
