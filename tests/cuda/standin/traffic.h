// Which sectors of device memory a kernel touches: the driver gives a kernel's object the place to mark them in.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace standin {

/// What DRAM and L2 give and take at least.
constexpr uintptr_t SECTOR = 32;

struct Traffic {
  uintptr_t base, bytes;         // of all device memory
  unsigned char *read, *written; // a byte for each sector, 1 where it was
};

} // namespace standin
