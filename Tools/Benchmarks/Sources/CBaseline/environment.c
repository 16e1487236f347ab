#include <errno.h>
#include <stdlib.h>

#include "internal.h"

const char *const baseline_tables[TABLES] = {
    "meta", "entries", "ids", "edits", "records", "baseline", "tree", "gaps", "origins", "peers",
};

static int open_environment(const char *directory, MDB_env **env) {
  int code = mdb_env_create(env);
  if (code) return code;
  if (!(code = mdb_env_set_maxdbs(*env, TABLES))
      && !(code = mdb_env_set_mapsize(*env, (size_t)64 << 30)))
    code = mdb_env_open(*env, directory, MDB_NOTLS, 0600);
  if (code) mdb_env_close(*env);
  return code;
}

static int read_head(baseline_journal *journal, MDB_txn *txn) {
  MDB_val key = {4, "head"}, stored;
  int code = mdb_get(txn, journal->tables[META], &key, &stored);
  if (code) return code;
  size_t length;
  if (!baseline_row_is_intact(META, &key, &stored, &length)) return MDB_CORRUPTED;
  journal->last_sequence = load_be((const uint8_t *)stored.mv_data + 16, 8);
  return 0;
}

static int open_tables(baseline_journal *journal, int creates) {
  MDB_txn *txn;
  int code = mdb_txn_begin(journal->env, NULL, creates ? 0 : MDB_RDONLY, &txn);
  if (code) return code;
  for (int table = 0; table < TABLES && !code; table++)
    code = mdb_dbi_open(
        txn, baseline_tables[table], creates ? MDB_CREATE : 0, &journal->tables[table]);
  if (!code && !creates) code = read_head(journal, txn);
  if (code) {
    mdb_txn_abort(txn);
    return code;
  }
  return mdb_txn_commit(txn);
}

static int start(const char *directory, int creates, baseline_journal **journal) {
  *journal = calloc(1, sizeof **journal);
  if (!*journal) return ENOMEM;
  int code = open_environment(directory, &(*journal)->env);
  if (code) {
    free(*journal);
    return code;
  }
  code = open_tables(*journal, creates);
  if (code) baseline_close(*journal);
  return code;
}

int baseline_create(const char *directory, baseline_journal **journal) {
  return start(directory, 1, journal);
}

int baseline_open(const char *directory, baseline_journal **journal) {
  return start(directory, 0, journal);
}

void baseline_close(baseline_journal *journal) {
  mdb_env_close(journal->env);
  free(journal);
}

int baseline_table_bytes(const char *directory, const char *table, size_t *bytes) {
  MDB_env *env;
  int code = open_environment(directory, &env);
  if (code) return code;
  MDB_txn *txn;
  MDB_dbi handle;
  MDB_stat stat;
  code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
  if (!code) {
    if (!(code = mdb_dbi_open(txn, table, 0, &handle)) && !(code = mdb_stat(txn, handle, &stat)))
      *bytes = (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages)
          * (size_t)stat.ms_psize;
    mdb_txn_abort(txn);
  }
  mdb_env_close(env);
  return code;
}

const char *baseline_message(int code) {
  if (code == BASELINE_SQLITE_FAILED) return "SQLite refused a statement";
  return mdb_strerror(code);
}
