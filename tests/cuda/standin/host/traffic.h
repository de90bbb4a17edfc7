// What a kernel reads and writes of device memory: `-fsanitize=thread` has the compiler call these for every access, and
// they mark the sector in which it is. Its runtime library is left out.
#pragma once

#include "../traffic.h"

extern "C" __attribute__((visibility("default"))) standin::Traffic *standin_traffic = nullptr;

#define STANDIN_PLAIN extern "C" __attribute__((no_sanitize("thread")))

namespace standin {
__attribute__((no_sanitize("thread"))) static inline void mark(unsigned char *Traffic::*sectors, void *at, unsigned long bytes) {
  uintptr_t first = (uintptr_t)at - standin_traffic->base;
  if (first >= standin_traffic->bytes) return; // shared, or a thread's own
  for (uintptr_t sector = first / SECTOR; sector <= (first + bytes - 1) / SECTOR; sector++)
    (standin_traffic->*sectors)[sector] = 1;
}
} // namespace standin

#define STANDIN_ACCESS(suffix, length, ...)                                                                            \
  STANDIN_PLAIN void __tsan_read##suffix(__VA_ARGS__) { standin::mark(&standin::Traffic::read, at, length); }          \
  STANDIN_PLAIN void __tsan_write##suffix(__VA_ARGS__) { standin::mark(&standin::Traffic::written, at, length); }
STANDIN_ACCESS(1, 1, void *at)
STANDIN_ACCESS(2, 2, void *at)
STANDIN_ACCESS(4, 4, void *at)
STANDIN_ACCESS(8, 8, void *at)
STANDIN_ACCESS(16, 16, void *at)
STANDIN_ACCESS(_range, bytes, void *at, unsigned long bytes)
STANDIN_PLAIN void __tsan_init() {}
STANDIN_PLAIN void __tsan_func_entry(void *) {}
STANDIN_PLAIN void __tsan_func_exit() {}
