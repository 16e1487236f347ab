int baseline_stub(void);
