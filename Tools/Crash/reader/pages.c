/* Reads a journal's data file by docs/format alone: LMDB 0.9 pages, rows, checksums. It shares no
 * code with the library, trusts no offset, and is fast enough for every image. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  uint64_t transaction, digest, rows, pages;
  char problem[160];
} summary;

typedef struct {
  const uint8_t *file;
  uint64_t bytes, page_bytes, last_page;
  uint8_t *seen; /* a bit per page */
  uint8_t *out;
  uint64_t out_bytes, out_capacity;
  int table;
  summary *found;
} reader;

/* The number by which checksums know each table; order as in docs/format. */
static const char *const tables[] = {"meta",     "entries", "ids",  "edits",   "records",
                                     "baseline", "tree",    "gaps", "origins", "peers",
                                     "indexes"};

enum { BRANCH = 1, LEAF = 2, OVERFLOW = 4, META = 8, BIG = 1, TREE = 2, MAX_DEPTH = 32 };
#define NO_PAGE UINT64_MAX

#define GET(type, name)                                  \
  static type name(const uint8_t *p) {                   \
    type value;                                          \
    memcpy(&value, p, sizeof value);                     \
    return value;                                        \
  }
GET(uint16_t, u16)
GET(uint32_t, u32)
GET(uint64_t, u64)

#define FAIL(...) return snprintf(r->found->problem, sizeof r->found->problem, __VA_ARGS__), -1

static uint32_t crc_table[256];

__attribute__((constructor)) static void make_crc_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0x82F63B78u : 0);
    crc_table[i] = value;
  }
}

static uint32_t crc32c(uint32_t state, const uint8_t *p, uint64_t count) {
  while (count--) state = state >> 8 ^ crc_table[(state ^ *p++) & 255];
  return state;
}

static void mix(reader *r, const void *bytes, uint64_t count) {
  const uint8_t *p = bytes;
  uint64_t hash = r->found->digest;
  while (count >= 8) {
    hash = (hash ^ u64(p)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
    p += 8, count -= 8;
  }
  while (count--) hash = (hash ^ *p++) * 0x100000001B3u;
  r->found->digest = hash;
}

static int claim(reader *r, uint64_t page, uint64_t count) {
  for (uint64_t i = page; i < page + count; i++) {
    if (i > r->last_page) FAIL("page %lu lies beyond the last page %lu", i, r->last_page);
    if (r->seen[i / 8] >> i % 8 & 1) FAIL("page %lu is used twice", i);
    r->seen[i / 8] |= (uint8_t)(1 << i % 8);
  }
  r->found->pages += count;
  return 0;
}

static const uint8_t *page_at(reader *r, uint64_t number, uint64_t count) {
  if (number > r->last_page || count > r->bytes / r->page_bytes ||
      (number + count) * r->page_bytes > r->bytes) {
    snprintf(r->found->problem, sizeof r->found->problem, "page %lu lies outside the file", number);
    return NULL;
  }
  const uint8_t *page = r->file + number * r->page_bytes;
  if (u64(page) != number) {
    snprintf(r->found->problem, sizeof r->found->problem, "page %lu calls itself %lu", number,
             u64(page));
    return NULL;
  }
  return page;
}

static int walk(reader *r, uint64_t root, int depth, int is_free_list);

static int free_pages(reader *r, const uint8_t *value, uint64_t bytes) {
  if (bytes < 8 || u64(value) > bytes / 8 - 1) FAIL("a record of the free list is too short");
  for (uint64_t i = 1; i <= u64(value); i++)
    if (claim(r, u64(value + 8 * i), 1) < 0) return -1;
  return 0;
}

static int row(reader *r, const uint8_t *key, uint64_t key_bytes, const uint8_t *value,
               uint64_t bytes) {
  if (bytes < 4) FAIL("a row of %s has no checksum", tables[r->table]);
  uint8_t number = (uint8_t)(r->table + 1);
  uint32_t crc = crc32c(~0u, &number, 1);
  crc = ~crc32c(crc32c(crc, key, key_bytes), value, bytes - 4);
  const uint8_t *stored = value + bytes - 4;
  uint32_t big = (uint32_t)stored[0] << 24 | stored[1] << 16 | stored[2] << 8 | stored[3];
  if (big != crc) FAIL("a row of %s does not agree with its checksum", tables[r->table]);
  uint32_t sizes[3] = {number, (uint32_t)key_bytes, (uint32_t)bytes - 4};
  mix(r, sizes, sizeof sizes);
  mix(r, key, key_bytes);
  mix(r, value, bytes - 4);
  r->found->rows++;
  if (r->out) {
    uint64_t need = sizeof sizes + key_bytes + bytes - 4;
    if (r->out_bytes + need > r->out_capacity) FAIL("the rows do not fit the buffer");
    memcpy(r->out + r->out_bytes, sizes, sizeof sizes);
    memcpy(r->out + r->out_bytes + sizeof sizes, key, key_bytes);
    memcpy(r->out + r->out_bytes + sizeof sizes + key_bytes, value, bytes - 4);
    r->out_bytes += need;
  }
  return 0;
}

static int leaf_node(reader *r, const uint8_t *key, uint64_t key_bytes, unsigned flags,
                     const uint8_t *value, uint64_t bytes, int is_free_list) {
  if (is_free_list) return free_pages(r, value, bytes);
  if (r->table >= 0) return row(r, key, key_bytes, value, bytes);
  if (!(flags & TREE) || bytes != 48) FAIL("the main tree holds something else than tables");
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    if (strlen(tables[i]) != key_bytes || memcmp(tables[i], key, key_bytes) != 0) continue;
    r->table = (int)i;
    uint64_t before = r->found->rows;
    int result = walk(r, u64(value + 40), 0, 0);
    if (result == 0 && r->found->rows - before != u64(value + 32))
      FAIL("%s holds %lu rows, its record says %lu", tables[i], r->found->rows - before,
           u64(value + 32));
    r->table = -1;
    return result;
  }
  FAIL("a table docs/format does not know: %.*s", (int)key_bytes, key);
}

static int walk(reader *r, uint64_t root, int depth, int is_free_list) {
  if (root == NO_PAGE) return 0;
  if (depth > MAX_DEPTH) FAIL("a tree is too deep");
  const uint8_t *page = page_at(r, root, 1);
  if (!page || claim(r, root, 1) < 0) return -1;
  unsigned kind = u16(page + 10) & (BRANCH | LEAF), lower = u16(page + 12), upper = u16(page + 14);
  if ((kind != BRANCH && kind != LEAF) || lower < 16 || lower > upper || upper > r->page_bytes)
    FAIL("page %lu is no page of a tree", root);
  for (unsigned at = 16; at + 2 <= lower; at += 2) {
    uint64_t offset = u16(page + at);
    if (offset + 8 > r->page_bytes) FAIL("a node of page %lu lies outside it", root);
    const uint8_t *node = page + offset;
    uint64_t low = u16(node) | (uint64_t)u16(node + 2) << 16;
    unsigned flags = u16(node + 4);
    uint64_t key_bytes = u16(node + 6);
    if (offset + 8 + key_bytes > r->page_bytes) FAIL("a key of page %lu is cut off", root);
    if (kind == BRANCH) {
      if (walk(r, low | (uint64_t)flags << 32, depth + 1, is_free_list) < 0) return -1;
      continue;
    }
    const uint8_t *value = node + 8 + key_bytes;
    if (flags & BIG) {
      if (offset + 16 + key_bytes > r->page_bytes) FAIL("a node of page %lu is cut off", root);
      uint64_t first = u64(value), count = (low + 16 + r->page_bytes - 1) / r->page_bytes;
      const uint8_t *overflow = page_at(r, first, count);
      if (!overflow) return -1;
      /* A shorter value may have been written over a longer one: then it keeps all its pages. */
      uint64_t held = u32(overflow + 12);
      if (!(u16(overflow + 10) & OVERFLOW) || held < count)
        FAIL("page %lu is not %lu overflow pages", first, count);
      if (claim(r, first, held) < 0) return -1;
      value = overflow + 16;
    } else if (offset + 8 + key_bytes + low > r->page_bytes) {
      FAIL("a value of page %lu is cut off", root);
    }
    if (leaf_node(r, node + 8, key_bytes, flags, value, low, is_free_list) < 0) return -1;
  }
  return 0;
}

static int64_t read_newest(reader *r) {
  const uint8_t *file = r->file;
  uint64_t bytes = r->bytes;
  summary *found = r->found;
  memset(found, 0, sizeof *found);
  found->digest = 0xCBF29CE484222325u;
  if (bytes < 8192) FAIL("shorter than two meta pages");
  const uint8_t *newest = NULL;
  r->page_bytes = u32(file + 40);
  if (r->page_bytes < 4096 || r->page_bytes > 65536 || bytes < 2 * r->page_bytes)
    FAIL("no page size in the first meta page");
  for (int i = 0; i < 2; i++) {
    const uint8_t *meta = file + (uint64_t)i * r->page_bytes;
    if (!(u16(meta + 10) & META) || u32(meta + 16) != 0xBEEFC0DE || u32(meta + 20) != 1)
      FAIL("meta page %d is none", i);
    if (!newest || u64(meta + 144) > u64(newest + 144)) newest = meta;
  }
  r->last_page = u64(newest + 136);
  found->transaction = u64(newest + 144);
  /* Pages a transaction took and never needed may lie beyond the end of the file. */
  if (r->last_page >= bytes / r->page_bytes + (1 << 20)) FAIL("the last page lies far outside");
  r->seen = calloc(1, r->last_page / 8 + 1);
  if (!r->seen) FAIL("no memory");
  if (claim(r, 0, 2) < 0) return -1;
  if (walk(r, u64(newest + 40 + 40), 0, 1) < 0) return -1;
  if (walk(r, u64(newest + 88 + 40), 0, 0) < 0) return -1;
  return (int64_t)r->out_bytes;
}

/* Reads the newest commit; rows go to `out` when that is given: table number, key length, value
 * length (u32 each), key, value. Returns the bytes written there, or -1 with the problem in
 * `found`. */
int64_t read_journal(const uint8_t *file, uint64_t bytes, uint8_t *out, uint64_t out_capacity,
                     summary *found) {
  reader r = {.file = file, .bytes = bytes, .out = out, .out_capacity = out_capacity, .table = -1,
              .found = found};
  int64_t result = read_newest(&r);
  free(r.seen);
  return result;
}
