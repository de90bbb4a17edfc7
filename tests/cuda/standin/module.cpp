// Modules and kernels: what the driver reads out of PTX, what it refuses to launch, and running a kernel on the processor
// through the object that the stand-in's compiler made of it.
#include "driver.h"

#include <csetjmp>
#include <csignal>
#include <cstring>
#include <dlfcn.h>

namespace standin {

/// Functions that modules were asked for.
static std::map<Function *, Module *> &functions() {
  static auto *known = new std::map<Function *, Module *>;
  return *known;
}

static Function *find_function(CUfunction handle, const char *name) {
  auto found = functions().find((Function *)handle);
  if (found != functions().end() && state().modules.find(found->second)) return found->first;
  misuse("dead handle", "%s of a kernel whose module is gone", name);
  return nullptr;
}

static std::string line_at(const std::string &text, size_t position) {
  return text.substr(position, text.find('\n', position) - position);
}

/// `.param .u64 .ptr .align 1 name` or `.param .align 8 .b8 name[48]`.
static Parameter parameter(const std::string &line) {
  size_t open = line.find('['), name = line.find_last_of(" \t", open);
  bool bytes = line.find(".b8") < name;
  size_t element = bytes ? 1 : line.find("64") < name ? 8 : line.find("16") < name ? 2 : 4;
  if (open == std::string::npos) return {element, element == 8 && line.find(".u64") < name};
  return {element * atol(line.c_str() + open + 1), false};
}

/// Finds kernels in PTX: their parameters, threads and shared memory.
static void parse(Module &module, const std::string &ptx) {
  size_t shared = 0;
  for (size_t at = 0; (at = ptx.find(".shared .align", at)) != std::string::npos; at++) {
    size_t start = ptx.rfind('\n', at) + 1, open = ptx.find('[', at);
    if (ptx.compare(start, 7, ".extern") && open < ptx.find('\n', at)) shared += atol(ptx.c_str() + open + 1);
  }
  for (size_t at = 0; (at = ptx.find(".entry ", at)) != std::string::npos;) {
    size_t name = at + 7, open = ptx.find('(', name), close = ptx.find(')', open), body = ptx.find('{', close);
    auto function = std::make_unique<Function>();
    function->name = ptx.substr(name, open - name);
    function->module = &module;
    function->shared_static = shared;
    for (size_t next = open; (next = ptx.find(".param ", next)) < close; next++)
      function->parameters.push_back(parameter(line_at(ptx, next)));
    std::string head = ptx.substr(close, body - close);
    for (const char *word : {".maxntid", ".reqntid"})
      if (size_t found = head.find(word); found != std::string::npos) {
        int x = 1, y = 1, z = 1;
        sscanf(head.c_str() + found + strlen(word), " %d, %d, %d", &x, &y, &z);
        function->threads_at_most = x * y * z;
      }
    if (size_t found = ptx.find("// standin-object "); found != std::string::npos)
      function->object = line_at(ptx, found + strlen("// standin-object "));
    functions()[function.get()] = &module;
    module.functions[function->name] = std::move(function);
    at = body;
  }
}

// A kernel that touches what it may not ends with a fault, as on a GPU, and not with the process.
static thread_local sigjmp_buf *escape = nullptr;
static thread_local Address fault_at;
static struct sigaction others[NSIG];

static void on_fault(int signal, siginfo_t *info, void *context) {
  if (escape) {
    fault_at = signal == SIGSEGV ? (Address)info->si_addr : 0;
    siglongjmp(*escape, signal);
  }
  struct sigaction &other = others[signal];
  if (other.sa_flags & SA_SIGINFO && other.sa_sigaction) return other.sa_sigaction(signal, info, context);
  sigaction(signal, &other, nullptr); // the default, at the instruction's next try
}

static void catch_faults() {
  static bool caught = [] {
    struct sigaction ours = {};
    ours.sa_sigaction = on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT}) sigaction(signal, &ours, &others[signal]);
    return true;
  }();
  (void)caught;
  static thread_local bool has_stack = [] {
    stack_t stack = {};
    sigaltstack(nullptr, &stack);
    if (!(stack.ss_flags & SS_DISABLE)) return true; // the program's own
    stack.ss_size = 64 << 10;
    stack.ss_sp = malloc(stack.ss_size); // as long as the thread
    stack.ss_flags = 0;
    return sigaltstack(&stack, nullptr) == 0;
  }();
  (void)has_stack;
}

/// What a kernel takes on the device's clock: a number that the seed chooses, so that it chooses what tuning prefers.
static double seconds(const Function &function, const unsigned *grid, const unsigned *block) {
  static const double slowest = number("STANDIN_KERNEL_US", 200) * 1e-6;
  std::string key = function.object + function.name + std::to_string(seed());
  for (int axis = 0; axis < 3; axis++) key += " " + std::to_string(grid[axis]) + " " + std::to_string(block[axis]);
  return slowest * (1 + hash(key) % 1000) / 1000;
}

/// Arguments as the driver keeps them, from the launch until the kernel has run.
struct Launch {
  Function *function;
  Module *module;
  Context *context;
  unsigned grid[3], block[3], shared;
  std::vector<std::vector<char>> arguments;

  Result run() {
    if (!state().modules.find(module)) {
      misuse("dead handle", "%s runs, but its module was unloaded", function->name.c_str());
      return CUDA_ERROR_INVALID_HANDLE;
    }
    context->clock += seconds(*function, grid, block);
    context->launched++;
    if (!check_pointers("when it ran")) return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (!function->launch) return CUDA_SUCCESS;
    std::vector<void *> addresses;
    for (auto &argument : arguments) addresses.push_back(argument.data());
    catch_faults();
    sigjmp_buf here;
    escape = &here;
    int signal = sigsetjmp(here, 1);
    if (!signal) function->launch(addresses.data(), grid, block, shared);
    escape = nullptr;
    if (!signal) return say_traffic(function->name.c_str(), grid, block), CUDA_SUCCESS;
    misuse("fault in a kernel", "%s: %s at %s", function->name.c_str(), strsignal(signal), describe(fault_at).c_str());
    return signal == SIGABRT ? CUDA_ERROR_LAUNCH_FAILED : CUDA_ERROR_ILLEGAL_ADDRESS;
  }

  bool check_pointers(const char *when) {
    for (size_t index = 0; index < arguments.size(); index++) {
      Address address = 0;
      if (!function->parameters[index].pointer) continue;
      memcpy(&address, arguments[index].data(), sizeof address);
      std::string what = "argument " + std::to_string(index) + " of " + function->name + " " + when;
      if (address && !holds(address, 1, what.c_str())) return false;
    }
    return true;
  }
};

/// Loads the object of a kernel that is launched for the first time; its arguments' sizes are the compiler's.
static bool load(Function &function) {
  if (function.launch || function.object.empty()) return true;
  // Its compiler may still be at work: it says so by the file that it leaves.
  void *object = dlopen(function.object.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!object) {
    misuse("kernel not loaded", "%s: %s", function.name.c_str(), dlerror());
    return false;
  }
  if (auto place = (Traffic **)dlsym(object, "standin_traffic")) *place = traffic();
  unsigned sizes[64], count = ((unsigned (*)(unsigned *))dlsym(object, "standin_sizes"))(sizes);
  function.parameters.resize(count);
  for (unsigned index = 0; index < count; index++) function.parameters[index].bytes = sizes[index];
  function.launch = (decltype(function.launch))dlsym(object, "standin_launch");
  return true;
}

static bool refuses(const Launch &launch) {
  const Function &function = *launch.function;
  const unsigned *grid = launch.grid, *block = launch.block;
  unsigned threads = block[0] * block[1] * block[2];
  auto refuse = [&](const char *why) {
    misuse("launch refused", "%s, %s: grid %u %u %u, block %u %u %u, %u bytes shared", function.name.c_str(), why, grid[0],
           grid[1], grid[2], block[0], block[1], block[2], launch.shared);
    return true;
  };
  if (!grid[0] || !grid[1] || !grid[2] || grid[0] > 2147483647u || grid[1] > 65535 || grid[2] > 65535) return refuse("grid");
  if (!threads || threads > 1024 || block[2] > 64) return refuse("block");
  if (function.threads_at_most && (int)threads > function.threads_at_most) return refuse("more threads than compiled for");
  if ((int)launch.shared > std::max(function.shared_dynamic, 49152)) return refuse("shared memory");
  return false;
}

} // namespace standin

using namespace standin;

API CUresult cuModuleLoadData(CUmodule *made, const void *image) {
  BEGIN("cuModuleLoadData", Call::CURRENT_CONTEXT);
  if (anyone_records()) misuse("module loaded while recording", "cuModuleLoadData");
  std::string ptx((const char *)image);
  int major = 0, minor = 0;
  size_t version = ptx.find(".version ");
  if (version == std::string::npos || sscanf(ptx.c_str() + version, ".version %d.%d", &major, &minor) != 2)
    return CUDA_ERROR_INVALID_PTX;
  // CUDA 12.x reads PTX up to 8.x, 13.x up to 9.x.
  int driver = number("STANDIN_DRIVER", 13000), newest = (driver / 1000 - 4) * 10 + driver % 1000 / 10;
  if (major * 10 + minor > newest) return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
  size_t target = ptx.find(".target sm_");
  if (target != std::string::npos && atoi(ptx.c_str() + target + 11) > gpus()[call.context->device].capability)
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  auto module = std::make_unique<Module>();
  module->bytes = ptx.size();
  parse(*module, ptx);
  if (module->functions.empty()) return CUDA_ERROR_INVALID_PTX;
  call.context->module_bytes += module->bytes;
  Module *handle = state().modules.make(std::move(module));
  sign(*handle, call.context, state().modules.made);
  *made = (CUmodule)handle;
  return CUDA_SUCCESS;
}

API CUresult cuModuleUnload(CUmodule handle) {
  BEGIN("cuModuleUnload", Call::CURRENT_CONTEXT);
  Module *module = state().modules.demand(handle, "cuModuleUnload");
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  module->context->module_bytes -= module->bytes;
  state().modules.destroy(module);
  return CUDA_SUCCESS;
}

API CUresult cuModuleGetFunction(CUfunction *found, CUmodule handle, const char *name) {
  BEGIN("cuModuleGetFunction", Call::CURRENT_CONTEXT);
  Module *module = state().modules.demand(handle, "cuModuleGetFunction");
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  auto function = module->functions.find(name);
  if (function == module->functions.end()) return CUDA_ERROR_NOT_FOUND;
  *found = (CUfunction)function->second.get();
  return CUDA_SUCCESS;
}

API CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  BEGIN("cuFuncSetAttribute", Call::CURRENT_CONTEXT);
  Function *function = find_function(handle, "cuFuncSetAttribute");
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_SUCCESS;
  int most = 0;
  cuDeviceGetAttribute(&most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, call.context->device);
  if (value + (int)function->shared_static > most) {
    misuse("launch refused", "%s wants %d + %zu bytes shared, a block has %d", function->name.c_str(), value,
           function->shared_static, most);
    return CUDA_ERROR_INVALID_VALUE;
  }
  function->shared_dynamic = value;
  return CUDA_SUCCESS;
}

API CUresult cuLaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                            unsigned block_y, unsigned block_z, unsigned shared, CUstream stream, void **arguments, void **) {
  BEGIN("cuLaunchKernel", Call::CURRENT_CONTEXT);
  Function *function = find_function(handle, "cuLaunchKernel");
  if (!function) return CUDA_ERROR_INVALID_HANDLE;
  bool first = !function->launch;
  if (!load(*function)) return CUDA_ERROR_INVALID_VALUE;
  if (first && function->launch) say("runs %u %s", shared, function->object.c_str());
  auto launch = std::make_shared<Launch>(
      Launch{function, function->module, call.context, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared, {}});
  if (refuses(*launch)) return CUDA_ERROR_INVALID_VALUE;
  state().launches++;
  for (size_t index = 0; arguments && index < function->parameters.size(); index++) {
    const char *argument = (const char *)arguments[index];
    launch->arguments.emplace_back(argument, argument + function->parameters[index].bytes);
  }
  if (!launch->check_pointers("at its launch")) return CUDA_ERROR_INVALID_VALUE;
  return enqueue(stream, {CU_GRAPH_NODE_TYPE_KERNEL, function->name, [launch] { return launch->run(); }});
}

// Tensor maps: what the driver checks of them, and the address that a kernel here reads out.

static CUresult refuse_map(const char *what, size_t found) {
  misuse("tensor map refused", "%s %zu", what, found);
  return CUDA_ERROR_INVALID_VALUE;
}

static CUresult encode(CUtensorMap *map, unsigned rank, void *address, const cuuint64_t *sizes, const cuuint64_t *strides) {
  if ((Address)address % 16) return refuse_map("address", (Address)address);
  for (unsigned axis = 0; axis + 1 < rank; axis++)
    if (strides[axis] % 16 || strides[axis] >= 1ull << 40) return refuse_map("stride of", strides[axis]);
  for (unsigned axis = 0; axis < rank; axis++)
    if (!sizes[axis] || sizes[axis] > 1ull << 32) return refuse_map("size of", sizes[axis]);
  memset(map, 0, sizeof *map);
  memcpy(map, &address, sizeof address);
  return CUDA_SUCCESS;
}

API CUresult cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType, cuuint32_t rank, void *address,
                                    const cuuint64_t *sizes, const cuuint64_t *strides, const cuuint32_t *box,
                                    const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                                    CUtensorMapFloatOOBfill) {
  BEGIN("cuTensorMapEncodeTiled");
  for (unsigned axis = 0; axis < rank; axis++)
    if (!box[axis] || box[axis] > 256) return refuse_map("box of", box[axis]);
  return encode(map, rank, address, sizes, strides);
}

API CUresult cuTensorMapEncodeIm2col(CUtensorMap *map, CUtensorMapDataType, cuuint32_t rank, void *address,
                                     const cuuint64_t *sizes, const cuuint64_t *strides, const int *, const int *,
                                     cuuint32_t channels, cuuint32_t pixels, const cuuint32_t *, CUtensorMapInterleave,
                                     CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  BEGIN("cuTensorMapEncodeIm2col");
  if (channels > 256) return refuse_map("channels", channels);
  if (pixels > 1024) return refuse_map("pixels", pixels);
  return encode(map, rank, address, sizes, strides);
}
