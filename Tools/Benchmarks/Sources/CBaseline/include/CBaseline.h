#ifndef C_BASELINE_H
#define C_BASELINE_H

#include <stddef.h>
#include <stdint.h>

// The journal's tables written and read by plain C on LMDB: what the storage engine itself costs.
// It stores rows of the same keys and lengths and checks the same checksums. It makes no hash,
// validates nothing and folds nothing beyond "the newest fields win".
//
// Every function returns 0, an LMDB code or an errno value.

/// One edit, encoded beforehand. The pointers are the caller's.
typedef struct {
  const uint8_t *body;
  size_t body_length;
  /// The record's fields are the tail of the body.
  size_t fields_length;
  const uint8_t *row_key;
  size_t row_key_length;
} baseline_entry;

typedef struct baseline_journal baseline_journal;

/// Makes the tables in an existing, empty directory and leaves them open.
int baseline_create(const char *directory, baseline_journal **journal);

/// Opens the environment and its tables and reads the head row.
int baseline_open(const char *directory, baseline_journal **journal);

void baseline_close(baseline_journal *journal);

/// Appends entries, `batch` to a durable commit.
int baseline_append(
    baseline_journal *journal, const baseline_entry *entries, size_t count, size_t batch);

/// Reads all rows of `records` or `entries` with a cursor and compares their checksums.
int baseline_scan(baseline_journal *journal, const char *table, size_t *rows, size_t *bytes);

/// Writes `records` and `edits` again from `entries`, in one transaction.
int baseline_rebuild(baseline_journal *journal);

/// The bytes of the pages of one table of a journal that is not open in this process.
int baseline_table_bytes(const char *directory, const char *table, size_t *bytes);

/// Writes 4 KiB over part of a file of its own and calls fdatasync; microseconds for each round.
int baseline_flushes(const char *file, double *microseconds, size_t count);

const char *baseline_message(int code);

/// What the functions on SQLite return when it refused something.
#define BASELINE_SQLITE_FAILED 100001

/// Writes a journal row and a document row for each entry into a new SQLite database, `batch` to a
/// durable commit.
int baseline_sqlite_append(
    const char *file, const baseline_entry *entries, size_t count, size_t batch);

/// Opens that database and reads journal rows, at most `limit`.
int baseline_sqlite_open_and_read(const char *file, size_t limit, size_t *rows);

/// Starts (1) or stops (0) counting this process's allocations.
void baseline_count_allocations(int starts);

/// Allocations since counting started.
size_t baseline_allocations(void);

/// Whether this platform lets them be counted.
int baseline_can_count_allocations(void);

#endif
