int baseline_stub(void) { return 0; }
