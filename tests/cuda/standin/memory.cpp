// Device memory is the host's, each allocation between two pages that nobody may touch; a freed one stays forbidden, so
// that a kernel which strays or comes too late is caught in the act.
#include "driver.h"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace standin {

constexpr size_t PAGE = 4096;
/// The driver's alignment of an allocation.
constexpr size_t ALIGNMENT = 512;
/// What fresh device memory holds, and host memory that a copy has yet to reach: as floats, not numbers.
constexpr int GARBAGE = 0xff;
/// More than this is not filled: nobody reads so much, and filled pages cost the machine's memory.
constexpr size_t FILLED_AT_MOST = 256 << 20;
/// What is between an allocation's end and its guard page.
constexpr unsigned char CANARY = 0xc5;

static size_t rounded(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }

using Map = std::map<Address, std::unique_ptr<Allocation>>;

/// The entry that begins at or before an address.
static Allocation *at_or_before(const Map &map, Address address, Address *start) {
  auto next = map.upper_bound(address);
  if (next == map.begin()) return nullptr;
  --next;
  *start = next->first;
  return next->second.get();
}

std::string describe(Address address) {
  Address start;
  char text[200];
  Allocation *live = at_or_before(state().device, address, &start);
  if (live && address < start + live->bytes + PAGE) {
    snprintf(text, sizeof text, "byte %zu of allocation %ld, which has %zu", address - start, live->serial, live->bytes);
    return text;
  }
  Allocation *dead = at_or_before(state().freed, address, &start);
  if (dead && address < start + dead->bytes + PAGE) {
    snprintf(text, sizeof text, "byte %zu of allocation %ld, which was freed", address - start, dead->serial);
    return text;
  }
  snprintf(text, sizeof text, "%#zx, where nothing ever was", (size_t)address);
  return text;
}

bool holds(Address address, size_t bytes, const char *what) {
  Address start;
  Allocation *live = at_or_before(state().device, address, &start);
  if (live && address + bytes <= start + live->bytes) return true;
  misuse("out of bounds", "%s: %zu bytes at %s", what, bytes, describe(address).c_str());
  return false;
}

bool is_pinned(const void *address, size_t bytes) {
  Address start;
  Allocation *live = at_or_before(state().pinned, (Address)address, &start);
  return live && (Address)address + bytes <= start + live->bytes;
}

static Address reserve(size_t bytes, Allocation &allocation) {
  size_t inner = rounded(rounded(bytes, ALIGNMENT), PAGE);
  allocation.bytes = bytes;
  allocation.mapped = inner + 2 * PAGE;
  void *place = next_address(allocation.mapped);
  int fixed = place ? MAP_FIXED : 0;
  void *map = mmap(place, allocation.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
  if (map == MAP_FAILED) return 0;
  allocation.map = (char *)map;
  mprotect(allocation.map + PAGE, inner, PROT_READ | PROT_WRITE);
  char *start = allocation.map + PAGE + inner - rounded(bytes, ALIGNMENT);
  memset(start + bytes, CANARY, rounded(bytes, ALIGNMENT) - bytes);
  if (bytes <= FILLED_AT_MOST) memset(start, GARBAGE, bytes);
  return (Address)start;
}

/// Forbids a range for ever; its pages go back at once.
static void forbid(Address start, std::unique_ptr<Allocation> allocation) {
  const unsigned char *end = (unsigned char *)start + allocation->bytes;
  for (size_t index = 0; index < rounded(allocation->bytes, ALIGNMENT) - allocation->bytes; index++)
    if (end[index] != CANARY) {
      misuse("out of bounds", "somebody wrote %zu bytes behind allocation %ld of %zu", index, allocation->serial,
             allocation->bytes);
      break;
    }
  mmap(allocation->map, allocation->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  allocation->context->bytes -= allocation->bytes;
  state().freed[start] = std::move(allocation);
}

void release_memory(const Context &context) {
  State &all = state();
  for (auto next = all.device.begin(); next != all.device.end();)
    if (next->second->context == &context) {
      forbid(next->first, std::move(next->second));
      next = all.device.erase(next);
    } else {
      ++next;
    }
  for (auto next = all.pinned.begin(); next != all.pinned.end();)
    if (next->second->context == &context) {
      all.pinned_bytes -= next->second->bytes;
      munmap(next->second->map, next->second->mapped);
      next = all.pinned.erase(next);
    } else {
      ++next;
    }
}

/// What two streams do with a copy's ends is decided when it runs, not when it is asked for.
struct Copy {
  const char *what;
  Address to, from;
  bool to_device, from_device;
  size_t bytes;                             // of a row
  size_t rows = 1, to_pitch = 0, from_pitch = 0;
  std::shared_ptr<std::vector<char>> staged = nullptr; // of pageable memory, which the driver reads at once

  size_t span(size_t pitch) const { return pitch * (rows - 1) + bytes; }

  Result run() const {
    if (to_device && !holds(to, span(to_pitch), what)) return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (from_device && !holds(from, span(from_pitch), what)) return CUDA_ERROR_ILLEGAL_ADDRESS;
    const char *source = staged ? staged->data() : (const char *)from;
    for (size_t row = 0; row < rows; row++)
      memmove((char *)to + row * to_pitch, source + row * from_pitch, bytes);
    return CUDA_SUCCESS;
  }
};

static Result copy(Copy asked, CUstream handle) {
  State &all = state();
  size_t total = asked.bytes * asked.rows;
  if (asked.to_device && !holds(asked.to, asked.span(asked.to_pitch), asked.what)) return CUDA_ERROR_INVALID_VALUE;
  if (asked.from_device && !holds(asked.from, asked.span(asked.from_pitch), asked.what)) return CUDA_ERROR_INVALID_VALUE;
  Stream *stream = stream_of(handle);
  bool recording = stream && stream->recording;
  bool pageable_source = !asked.from_device && !is_pinned((void *)asked.from, asked.span(asked.from_pitch));
  bool pageable_target = !asked.to_device && !is_pinned((void *)asked.to, asked.span(asked.to_pitch));
  if (recording && (pageable_source || pageable_target)) misuse("pageable copy while recording", "%zu bytes", total);
  if (asked.to_device && asked.from_device) all.copies_across++, all.bytes_across += total;
  else if (asked.to_device) all.copies_up++, all.bytes_up += total;
  else all.copies_down++, all.bytes_down += total;
  if (pageable_source) {
    const char *from = (const char *)asked.from;
    asked.staged = std::make_shared<std::vector<char>>(from, from + asked.span(asked.from_pitch));
  }
  // Whoever reads before the copy has come sees that it has not.
  if (!asked.to_device && !recording)
    for (size_t row = 0; row < asked.rows; row++) memset((char *)asked.to + row * asked.to_pitch, GARBAGE, asked.bytes);
  Result result = enqueue(handle, {CU_GRAPH_NODE_TYPE_MEMCPY, asked.what, [asked] { return asked.run(); }});
  if (result == CUDA_SUCCESS && pageable_target && !recording && stream) result = finish(*stream);
  return result;
}

} // namespace standin

using namespace standin;

API CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  BEGIN("cuMemAlloc", Call::NOT_WHILE_RECORDING);
  State &all = state();
  int device = call.context->device;
  if (!bytes) {
    misuse("allocation of nothing", "cuMemAlloc");
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (bytes_used(device, bytes) > gpus()[device].bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  auto allocation = std::make_unique<Allocation>();
  Address start = reserve(bytes, *allocation);
  if (!start) return CUDA_ERROR_OUT_OF_MEMORY;
  sign(*allocation, call.context, ++all.allocations);
  all.allocated_bytes += bytes;
  call.context->bytes += bytes;
  call.context->peak = std::max(call.context->peak, call.context->bytes);
  all.device[start] = std::move(allocation);
  *address = start;
  return CUDA_SUCCESS;
}

API CUresult cuMemFree_v2(CUdeviceptr address) {
  BEGIN("cuMemFree", Call::NOT_WHILE_RECORDING);
  if (!address) return CUDA_SUCCESS;
  auto found = state().device.find(address);
  if (found == state().device.end()) {
    misuse("free of no allocation", "cuMemFree of %s", describe(address).c_str());
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (found->second->context != call.context) misuse("wrong context", "cuMemFree of allocation %ld", found->second->serial);
  // A free waits for the device.
  Result result = finish_all(*found->second->context);
  auto allocation = std::move(found->second);
  state().device.erase(found);
  forbid(address, std::move(allocation));
  return result;
}

API CUresult cuMemAllocAsync(CUdeviceptr *address, size_t bytes, CUstream) { return cuMemAlloc_v2(address, bytes); }
API CUresult cuMemFreeAsync(CUdeviceptr address, CUstream) { return cuMemFree_v2(address); }

API CUresult cuMemAllocHost_v2(void **address, size_t bytes) {
  BEGIN("cuMemAllocHost", Call::NOT_WHILE_RECORDING);
  State &all = state();
  auto allocation = std::make_unique<Allocation>();
  allocation->bytes = bytes;
  allocation->mapped = rounded(bytes, PAGE);
  void *map = mmap(nullptr, allocation->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  allocation->map = (char *)map;
  sign(*allocation, call.context, ++all.pins);
  all.pinned_bytes += bytes;
  all.pinned_peak = std::max(all.pinned_peak, all.pinned_bytes);
  all.pinned[(Address)map] = std::move(allocation);
  *address = map;
  return CUDA_SUCCESS;
}

API CUresult cuMemFreeHost(void *address) {
  BEGIN("cuMemFreeHost", Call::NOT_WHILE_RECORDING);
  auto found = state().pinned.find((Address)address);
  if (found == state().pinned.end()) {
    misuse("free of no allocation", "cuMemFreeHost");
    return CUDA_ERROR_INVALID_VALUE;
  }
  Result result = finish_all(*found->second->context);
  state().pinned_bytes -= found->second->bytes;
  munmap(found->second->map, found->second->mapped);
  state().pinned.erase(found);
  return result;
}

API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
  BEGIN("cuMemcpyHtoDAsync", Call::CURRENT_CONTEXT);
  return copy({"copy up", to, (Address)from, true, false, bytes}, stream);
}

API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
  BEGIN("cuMemcpyDtoHAsync", Call::CURRENT_CONTEXT);
  return copy({"copy down", (Address)to, from, false, true, bytes}, stream);
}

API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  BEGIN("cuMemcpyDtoDAsync", Call::CURRENT_CONTEXT);
  return copy({"copy across", to, from, true, true, bytes}, stream);
}

API CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *asked, CUstream stream) {
  BEGIN("cuMemcpy2DAsync", Call::CURRENT_CONTEXT);
  bool to_device = asked->dstMemoryType == CU_MEMORYTYPE_DEVICE, from_device = asked->srcMemoryType == CU_MEMORYTYPE_DEVICE;
  Copy rows = {"copy of rows",
               to_device ? asked->dstDevice : (Address)asked->dstHost,
               from_device ? asked->srcDevice : (Address)asked->srcHost,
               to_device,
               from_device,
               asked->WidthInBytes,
               asked->Height,
               asked->dstPitch,
               asked->srcPitch};
  return copy(rows, stream);
}

API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
  BEGIN("cuMemsetD8Async", Call::CURRENT_CONTEXT);
  if (!holds(to, bytes, "fill")) return CUDA_ERROR_INVALID_VALUE;
  auto fill = [=] {
    if (!holds(to, bytes, "fill")) return CUDA_ERROR_ILLEGAL_ADDRESS;
    memset((void *)to, value, bytes);
    return CUDA_SUCCESS;
  };
  return enqueue(stream, {CU_GRAPH_NODE_TYPE_MEMSET, "fill", fill});
}
