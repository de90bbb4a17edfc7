// GPUs and their primary contexts, as CUDA and as NVML know them.
#include "driver.h"

#include <cstring>

namespace standin {

extern thread_local Context *current;
extern thread_local long current_generation;

/// The models, with the attributes that NVIDIA publishes for them.
static const std::map<std::string, Gpu> &models() {
  constexpr size_t GIB = 1 << 30;
  static const std::map<std::string, Gpu> known = {
      {"gtx750", {"NVIDIA GeForce GTX 750", 50, 1 * GIB, 4}},
      {"gtx1080", {"NVIDIA GeForce GTX 1080", 61, 8 * GIB, 20}},
      {"v100", {"Tesla V100-SXM2-16GB", 70, 16 * GIB, 80}},
      {"t4", {"Tesla T4", 75, 15 * GIB, 40}},
      {"gtx1650", {"NVIDIA GeForce GTX 1650", 75, 4 * GIB, 14}},
      {"a100", {"NVIDIA A100-SXM4-40GB", 80, 40 * GIB, 108}},
      {"rtx4090", {"NVIDIA GeForce RTX 4090", 89, 24 * GIB, 128}},
      {"h100", {"NVIDIA H100 80GB HBM3", 90, 80 * GIB, 132}},
      {"b200", {"NVIDIA B200", 100, 178 * GIB, 148}},
      {"rtx5090", {"NVIDIA GeForce RTX 5090", 120, 32 * GIB, 170}},
  };
  return known;
}

const std::vector<Gpu> &gpus() {
  // Names with commas between, each with `:MiB` where it has more or less memory than the model; `none` is no GPU.
  static const std::vector<Gpu> all = [] {
    std::vector<Gpu> chosen;
    std::string text = setting("STANDIN_GPUS", "h100");
    for (size_t start = 0; start < text.size();) {
      size_t end = std::min(text.find(',', start), text.size());
      std::string one = text.substr(start, end - start), name = one.substr(0, one.find(':'));
      if (models().count(name)) {
        chosen.push_back(models().at(name));
        if (name != one) chosen.back().bytes = (size_t)atol(one.c_str() + name.size() + 1) << 20;
      }
      start = end + 1;
    }
    return chosen;
  }();
  return all;
}

/// The driver gives memory away in steps of this.
static size_t stepped(size_t bytes) {
  constexpr size_t STEP = 2 << 20;
  return (bytes + STEP - 1) / STEP * STEP;
}

size_t bytes_used(int device, size_t more) {
  // What a context takes on an H100, and what the driver keeps for itself.
  constexpr size_t OF_DRIVER = (size_t)4 << 20, OF_CONTEXT = (size_t)520 << 20;
  // Below it, allocations share a step.
  constexpr size_t LARGE = 1 << 20;
  const Context &context = state().contexts[device];
  size_t bytes = OF_DRIVER + ((size_t)number("STANDIN_OTHERS_MIB", 0) << 20) + stepped(context.module_bytes), small = 0;
  if (context.alive) bytes += std::min(OF_CONTEXT, gpus()[device].bytes / 8);
  auto add = [&](size_t one) { one < LARGE ? small += one : bytes += stepped(one); };
  for (auto &[_, allocation] : state().device)
    if (allocation->context == &context) add(allocation->bytes);
  add(more);
  return bytes + stepped(small);
}

void release_context(Context &context) {
  State &all = state();
  for (auto &[stream, _] : all.streams.live)
    if (stream->context == &context && !stream->waiting.empty())
      misuse("reset under work", "%zu operations wait in stream %ld", stream->waiting.size(), stream->serial);
  all.modules.destroy_all(&context), all.streams.destroy_all(&context), all.events.destroy_all(&context);
  all.graphs.destroy_all(&context), all.executables.destroy_all(&context);
  release_memory(context);
  context.alive = false;
  context.references = 0;
  context.broken = CUDA_SUCCESS;
  context.module_bytes = 0;
}

static bool is_gpu(int device) { return device >= 0 && device < (int)gpus().size(); }

} // namespace standin

using namespace standin;

API CUresult cuInit(unsigned) {
  BEGIN("cuInit");
  return gpus().empty() ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
}

/// What NVRTC looks for in a driver; it does without.
API CUresult cuGetExportTable(const void **table, const CUuuid *) {
  BEGIN("cuGetExportTable");
  *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}

API CUresult cuDriverGetVersion(int *version) {
  BEGIN("cuDriverGetVersion");
  *version = number("STANDIN_DRIVER", 13000);
  return CUDA_SUCCESS;
}

API CUresult cuDeviceGetCount(int *count) {
  BEGIN("cuDeviceGetCount");
  *count = gpus().size();
  return CUDA_SUCCESS;
}

API CUresult cuDeviceGet(CUdevice *device, int index) {
  BEGIN("cuDeviceGet");
  if (!is_gpu(index)) return CUDA_ERROR_INVALID_DEVICE;
  *device = index;
  return CUDA_SUCCESS;
}

API CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  BEGIN("cuDeviceGetName");
  snprintf(name, length, "%s", gpus()[device].name.c_str());
  return CUDA_SUCCESS;
}

API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  BEGIN("cuDeviceGetUuid");
  memset(uuid, 0xA0 + device, sizeof *uuid);
  return CUDA_SUCCESS;
}
API CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) { return cuDeviceGetUuid_v2(uuid, device); }

API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  BEGIN("cuDeviceTotalMem");
  *bytes = gpus()[device].bytes;
  return CUDA_SUCCESS;
}

API CUresult cuDeviceGetPCIBusId(char *id, int length, CUdevice device) {
  BEGIN("cuDeviceGetPCIBusId");
  snprintf(id, length, "0000:%02X:00.0", 0x18 + device);
  return CUDA_SUCCESS;
}

static int shared_bytes_at_most(int capability) {
  switch (capability) {
  case 70: return 98304;
  case 75: return 65536;
  case 80: return 166912;
  case 86: case 89: case 120: return 101376;
  case 90: case 100: return 232448;
  default: return 49152;
  }
}

API CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
  BEGIN("cuDeviceGetAttribute");
  if (!is_gpu(device)) return CUDA_ERROR_INVALID_DEVICE;
  int capability = gpus()[device].capability;
  switch (attribute) {
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = capability / 10; break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = capability % 10; break;
  case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *value = 32; break;
  case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: *value = 1024; break;
  case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: *value = 64; break;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: *value = 2147483647; break;
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
  case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: *value = 65535; break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *value = 49152; break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = shared_bytes_at_most(capability); break;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = gpus()[device].processors; break;
  default:
    misuse("unknown attribute", "%d", (int)attribute);
    return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

// A context's handle is its address in the list of contexts.

API CUresult cuDevicePrimaryCtxRetain(CUcontext *handle, CUdevice device) {
  BEGIN("cuDevicePrimaryCtxRetain");
  if (!is_gpu(device)) return CUDA_ERROR_INVALID_DEVICE;
  Context &context = state().contexts[device];
  if (!context.alive) {
    context.alive = true;
    context.generation++;
    context.peak = 0;
  }
  context.references++;
  *handle = (CUcontext)&context;
  return CUDA_SUCCESS;
}

API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  BEGIN("cuDevicePrimaryCtxRelease");
  Context &context = state().contexts[device];
  if (!context.references) {
    misuse("released too often", "the primary context of GPU %d", device);
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  if (--context.references == 0) {
    report("last release");
    release_context(context);
  }
  return CUDA_SUCCESS;
}

API CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  BEGIN("cuDevicePrimaryCtxReset");
  report("reset");
  release_context(state().contexts[device]);
  return CUDA_SUCCESS;
}

API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
  BEGIN("cuDevicePrimaryCtxGetState");
  *flags = 0;
  *active = state().contexts[device].alive;
  return CUDA_SUCCESS;
}

API CUresult cuCtxSetCurrent(CUcontext handle) {
  BEGIN("cuCtxSetCurrent");
  current = (Context *)handle;
  if (!current) return CUDA_SUCCESS;
  if (!current->alive) {
    misuse("context was reset", "cuCtxSetCurrent");
    return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  }
  current_generation = current->generation;
  return CUDA_SUCCESS;
}

API CUresult cuCtxGetCurrent(CUcontext *handle) {
  BEGIN("cuCtxGetCurrent");
  *handle = (CUcontext)current;
  return CUDA_SUCCESS;
}

API CUresult cuCtxGetDevice(CUdevice *device) {
  BEGIN("cuCtxGetDevice", Call::CURRENT_CONTEXT);
  *device = call.context->device;
  return CUDA_SUCCESS;
}

API CUresult cuCtxSynchronize() {
  BEGIN("cuCtxSynchronize", Call::NOT_WHILE_RECORDING);
  return finish_all(*call.context);
}

API CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  *least = 0;
  *greatest = -5;
  return CUDA_SUCCESS;
}

API CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
  BEGIN("cuMemGetInfo", Call::CURRENT_CONTEXT);
  *total = gpus()[call.context->device].bytes;
  *free = *total - bytes_used(call.context->device);
  return CUDA_SUCCESS;
}

/// The codes that the tests inject, as the driver names them.
static std::pair<const char *, const char *> words(CUresult result) {
  switch ((int)result) {
  case 0: return {"CUDA_SUCCESS", "no error"};
  case 1: return {"CUDA_ERROR_INVALID_VALUE", "invalid argument"};
  case 2: return {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"};
  case 3: return {"CUDA_ERROR_NOT_INITIALIZED", "initialization error"};
  case 46: return {"CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"};
  case 100: return {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"};
  case 101: return {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"};
  case 201: return {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"};
  case 209: return {"CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"};
  case 214: return {"CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"};
  case 218: return {"CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"};
  case 222: return {"CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."};
  case 400: return {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"};
  case 700: return {"CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"};
  case 701: return {"CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"};
  case 702: return {"CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"};
  case 709: return {"CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"};
  case 719: return {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"};
  case 802: return {"CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"};
  case 803: return {"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"};
  case 900: return {"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"};
  case 901: return {"CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"};
  case 999: return {"CUDA_ERROR_UNKNOWN", "unknown error"};
  default: return {"CUDA_ERROR_OF_THE_STANDIN", "an error that the stand-in has no words for"};
  }
}

API CUresult cuGetErrorName(CUresult result, const char **text) {
  *text = words(result).first;
  return CUDA_SUCCESS;
}

API CUresult cuGetErrorString(CUresult result, const char **text) {
  *text = words(result).second;
  return CUDA_SUCCESS;
}

// NVML: this library under the name libnvidia-ml.so.1. A device's handle is its number + 1.

constexpr int NVML_SUCCESS = 0, NVML_DRIVER_NOT_LOADED = 9, NVML_NOT_FOUND = 6;

API int nvmlInit_v2() { return number("STANDIN_NVML", 1) ? NVML_SUCCESS : NVML_DRIVER_NOT_LOADED; }
API int nvmlInitWithFlags(unsigned) { return nvmlInit_v2(); }
API int nvmlShutdown() { return NVML_SUCCESS; }
API const char *nvmlErrorString(int) { return "an error of the stand-in"; }

API int nvmlSystemGetDriverVersion(char *text, unsigned length) {
  snprintf(text, length, "580.65.06");
  return NVML_SUCCESS;
}

API int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
  unsigned first = 0;
  if (sscanf(uuid, "GPU-%2x", &first) != 1 || !is_gpu((int)first - 0xA0)) return NVML_NOT_FOUND;
  *handle = (void *)(uintptr_t)(first - 0xA0 + 1);
  return NVML_SUCCESS;
}

API int nvmlDeviceGetName(void *handle, char *text, unsigned length) {
  snprintf(text, length, "%s", gpus()[(uintptr_t)handle - 1].name.c_str());
  return NVML_SUCCESS;
}

struct NvmlMemory {
  unsigned long long total, free, used;
};
struct NvmlMemory2 {
  unsigned version;
  unsigned long long total, reserved, free, used;
};

API int nvmlDeviceGetMemoryInfo(void *handle, NvmlMemory *memory) {
  std::lock_guard<std::recursive_mutex> guard(state().lock);
  int device = (uintptr_t)handle - 1;
  memory->total = gpus()[device].bytes;
  memory->used = bytes_used(device);
  memory->free = memory->total - memory->used;
  return NVML_SUCCESS;
}

API int nvmlDeviceGetMemoryInfo_v2(void *handle, NvmlMemory2 *memory) {
  NvmlMemory plain;
  nvmlDeviceGetMemoryInfo(handle, &plain);
  memory->total = plain.total, memory->reserved = 0, memory->free = plain.free, memory->used = plain.used;
  return NVML_SUCCESS;
}
