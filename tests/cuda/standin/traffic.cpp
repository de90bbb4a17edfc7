// How much memory each launch needs: STANDIN_TRAFFIC=1 has kernels compiled so that they mark what they touch, and says so
// after each, in bytes of whole sectors. What a sector was touched for twice by one launch counts once: the least that any
// cache leaves.
#include "driver.h"

#include <sys/mman.h>

namespace standin {

/// Addresses of device memory, taken one after another and never again.
constexpr size_t ADDRESSES = (size_t)1 << 36;

static void *reserved(size_t bytes, int protection) {
  void *map = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return map == MAP_FAILED ? nullptr : map;
}

Traffic *traffic() {
  static Traffic *all = [] {
    if (!number("STANDIN_TRAFFIC", 0)) return (Traffic *)nullptr;
    auto sectors = [] { return (unsigned char *)reserved(ADDRESSES / SECTOR, PROT_READ | PROT_WRITE); };
    return new Traffic{(uintptr_t)reserved(ADDRESSES, PROT_NONE), ADDRESSES, sectors(), sectors()};
  }();
  return all;
}

void *next_address(size_t bytes) {
  static size_t used = 0;
  if (!traffic() || used + bytes > ADDRESSES) return nullptr;
  used += bytes;
  return (void *)(traffic()->base + used - bytes);
}

/// How many of an allocation's sectors are marked; then none is.
static size_t take(unsigned char *sectors, Address start, size_t bytes) {
  size_t found = 0, first = (start - traffic()->base) / SECTOR, end = (start - traffic()->base + bytes - 1) / SECTOR + 1;
  for (size_t sector = first; sector < end; sector++) found += sectors[sector], sectors[sector] = 0;
  return found * SECTOR;
}

void say_traffic(const char *kernel, const unsigned *grid, const unsigned *block) {
  if (!traffic()) return;
  size_t read = 0, written = 0;
  for (auto &[start, allocation] : state().device) {
    read += take(traffic()->read, start, allocation->bytes);
    written += take(traffic()->written, start, allocation->bytes);
  }
  say("traffic: %zu read, %zu written, %u blocks of %u threads, %s", read, written, grid[0] * grid[1] * grid[2],
      block[0] * block[1] * block[2], kernel);
}

} // namespace standin
