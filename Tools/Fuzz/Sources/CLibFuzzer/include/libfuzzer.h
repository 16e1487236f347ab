#include <stddef.h>
#include <stdint.h>

/// Runs the fuzzer with a command line of its own; part of the compiler's libFuzzer.
int LLVMFuzzerRunDriver(
    int *argumentCount, char ***arguments,
    int (*testOneInput)(const uint8_t *data, size_t size));
