/* System calls of the program that links this, liblmdb's among them: they fail, lie about the page
   size, or are written down, when asked. Linux only; elsewhere nothing happens. */
#ifndef FAULTY_SYSTEM_CALLS_H
#define FAULTY_SYSTEM_CALLS_H

enum {
  FAULTY_PAGES = 1, /* a write of pages */
  FAULTY_META = 2,  /* a write of less than a page */
  FAULTY_SYNC = 3,  /* a sync of a file */
  FAULTY_LATE = 4   /* a write of less than a page; the first is done before it fails */
};

/* Lets `times` calls of this kind fail with `code`, once `spared` of them went well. */
void faulty_arm(int kind, long spared, long times, int code);

/* What the system says its pages are; 0 is the truth. */
void faulty_page_bytes(long bytes);

enum { RECORDED_WRITE = 1, RECORDED_DURABLE_WRITE = 2, RECORDED_SYNC = 3, RECORDED_LENGTH = 4 };

struct recorded_call {
  int kind;
  unsigned long inode;
  long offset; /* or the new length */
  unsigned long length;
  const unsigned char *bytes;
};

/* From now on every write, sync and change of length is kept, in order. */
void faulty_record(void);
unsigned long faulty_recorded(void);
struct recorded_call faulty_call(unsigned long index);

#endif
