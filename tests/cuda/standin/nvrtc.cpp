// A libnvrtc for the stand-in: makes of a kernel's source an object that the processor runs, by g++ and the headers in
// `host/`, and PTX that has no code but the kernel's name, its parameters and the object's file.
//
// STANDIN_CACHE is where sources and objects are kept, by the hash of both the source and the headers. With
// STANDIN_KERNELS=none nothing is compiled and a launch does nothing.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <regex>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

namespace {

constexpr int SUCCESS = 0, OUT_OF_MEMORY = 1, INVALID_OPTION = 5, COMPILATION = 6, BUILTIN_OPERATION_FAILURE = 7;

std::string setting(const char *name, const char *usual) {
  const char *value = getenv(name);
  return value && *value ? value : usual;
}

std::string read(const std::string &path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void write(const std::string &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string hash(const std::string &text) {
  unsigned long long value = 1469598103934665603ull;
  for (unsigned char letter : text) value = (value ^ letter) * 1099511628211ull;
  char digits[20];
  snprintf(digits, sizeof digits, "%016llx", value);
  return digits;
}

struct Program {
  std::string source, ptx, log;
};

/// What every kernel's host version depends on beside its source.
const std::string &headers() {
  static const std::string text = [] {
    std::string all, folder = setting("STANDIN_HOST", ".");
    for (const char *name : {"kernel.h", "threads.h", "numbers.h", "matrix.h", "instructions.h", "traffic.h"}) all += read(folder + "/" + name);
    return all;
  }();
  return text;
}

std::string flags() {
  bool traffic = setting("STANDIN_TRAFFIC", "0") != "0";
  return std::string(" -std=c++20 -w -O2 -march=native -ffp-contract=fast -fno-math-errno -fno-exceptions -fPIC "
                     "-fvisibility=hidden ") +
         (traffic ? "-DSTANDIN_TRAFFIC -fsanitize=thread " : "");
}

/// The kernel's name, its launch bounds and its parameters.
struct Entry {
  std::string name, bounds, parameters;
};

bool find_entry(const std::string &source, Entry &entry) {
  static const std::regex pattern(R"(extern "C" __global__ void\s+(?:__launch_bounds__\((\d+)\))?\s*)"
                                  R"((?:__cluster_dims__\([^)]*\))?\s*(\w+)\(([^{]*)\)\s*\{)");
  std::smatch found;
  if (!std::regex_search(source, found, pattern)) return false;
  entry = {found[2], found[1].matched ? found[1].str() : "1024", found[3]};
  return true;
}

/// The compute capabilities that NVRTC 13.0 compiles for, unless STANDIN_ARCHS says others.
std::vector<int> capabilities() {
  std::stringstream text(setting("STANDIN_ARCHS", "75 80 86 87 88 89 90 100 103 110 120 121"));
  std::vector<int> all;
  for (int one; text >> one;) all.push_back(one);
  return all;
}

bool compiles_for(const char *option) {
  const char *arch = strstr(option, "-architecture=sm_");
  if (!arch) return true;
  int wanted = atoi(arch + strlen("-architecture=sm_"));
  for (int one : capabilities())
    if (one == wanted) return true;
  return false;
}

/// The operands of an `asm` statement, without their constraints.
std::string operands(const std::string &text) {
  static const std::regex one(R"re("[^"]*"\(([^()]*)\))re");
  std::string all;
  for (std::sregex_iterator next(text.begin(), text.end(), one), end; next != end; ++next)
    all += (all.empty() ? "" : ", ") + (*next)[1].str();
  return all;
}

/// A call of `host/instructions.h` for an instruction that is there; others stay, and the processor's compiler refuses them.
std::string call_of(const std::string &instruction, const std::string &results, const std::string &inputs,
                    const std::string &otherwise) {
  static const std::regex product(R"(mma\.sync\.aligned\.m16n8k(\d+)\.row\.col\.f32\.(tf32|f16|bf16)\.\2\.f32 .*)");
  static const std::regex rows(R"(ldmatrix\.sync\.aligned\.m8n8\.x(\d)(\.trans)?\.shared::cta\.b16 .*)");
  static const std::regex copy(R"(cp\.async\.c[ag]\.shared::cta\.global \[%0\], \[%1\], (\d+), (%2|\d+);)");
  std::smatch found;
  if (std::regex_match(instruction, found, product)) {
    std::string type = found[2] == "tf32" ? "Tf32" : found[2] == "f16" ? "F16" : "Bf16";
    return "standin::mma<" + found[1].str() + ", standin::" + type + ">(" + results + ", " + inputs + ");";
  }
  if (std::regex_match(instruction, found, rows))
    return "standin::ldmatrix<" + found[1].str() + ", " + (found[2].matched ? "true" : "false") + ">(" + inputs + ", " +
           results + ");";
  if (std::regex_match(instruction, found, copy))
    return "standin::copy_async(" + std::regex_replace(inputs, std::regex("^([^,]*), ([^,]*)"), "$1, (const void *)($2), " + found[1].str()) +
           (found[2] == "%2" ? "" : ", " + found[2].str()) + ");";
  if (instruction.rfind("cp.async.mbarrier.arrive.shared::cta.b64 ", 0) == 0)
    return "standin::arrive_when_copied(" + inputs + ");";
  return otherwise;
}

/// The source with calls where it has PTX.
std::string without_ptx(const std::string &source) {
  static const std::regex statement(R"re(asm (?:volatile)?\("((?:[^"\\]|\\.)*)" :([^:;]*):([^:;]*)(?::[^;]*)?\);)re");
  std::string all;
  size_t end = 0;
  for (std::sregex_iterator next(source.begin(), source.end(), statement), last; next != last; ++next) {
    const std::smatch &found = *next;
    all += source.substr(end, found.position() - end) +
           call_of(found[1], operands(found[2]), operands(found[3]), found[0]);
    end = found.position() + found.length();
  }
  return all + source.substr(end);
}

/// The source as the processor's compiler takes it.
std::string for_host(std::string source, const Entry &entry) {
  // Threads that wait for each other need stacks of their own; others are a loop.
  static const std::regex waits("__sync|_sync\\(|barrier|asm|wmma|mma");
  bool together = std::regex_search(source, waits);
  source = without_ptx(std::regex_replace(source, std::regex("#include <[^>]*>"), ""));
  // The processor's headers have these already.
  source = std::regex_replace(source, std::regex("typedef [\\w ]+ u?int\\d+_t;"), "");
  source = std::regex_replace(source, std::regex("extern __shared__ __align__\\(\\d+\\) char (\\w+)\\[\\];"),
                              "char *const $1 = standin::shared;");
  std::string launch = "standin::launch([](void **arguments) { standin::call(" + entry.name +
                       ", arguments); }, arguments, grid, block, shared, " + (together ? "true" : "false") + ");";
  return "#include \"kernel.h\"\n" + source +
         "\nextern \"C\" __attribute__((visibility(\"default\"))) void standin_launch(void **arguments, const unsigned "
         "*grid, const unsigned *block, unsigned shared) { " +
         launch +
         " }\nextern \"C\" __attribute__((visibility(\"default\"))) unsigned standin_sizes(unsigned *sizes) { return "
         "standin::sizes(" +
         entry.name + ", sizes); }\n";
}

/// The object of a source, compiled unless it is there; empty with a log where it cannot be.
std::string object_of(const std::string &source, const Entry &entry, std::string &log) {
  std::string folder = setting("STANDIN_CACHE", "/tmp/standin-cache");
  mkdir(folder.c_str(), 0777);
  std::string base = folder + "/" + hash(source + headers() + flags()), object = base + ".so";
  if (access(object.c_str(), R_OK) == 0) return object;
  if (access((base + ".failed").c_str(), R_OK) == 0) {
    log = read(base + ".failed");
    return "";
  }
  // Another process may be at the same one: each writes a file of its own and renames it.
  std::string own = base + "." + std::to_string(getpid());
  write(own + ".cpp", for_host(source, entry));
  write(base + ".cu", source);
  // Linked by itself, so that what some flags would have linked stays out.
  std::string compiler = setting("CXX", "g++");
  std::string command = "(" + compiler + flags() + "-c -I" + setting("STANDIN_HOST", ".") + " " + own + ".cpp -o " + own +
                        ".o && " + compiler + " -shared " + own + ".o -o " + own + ".so) 2> " + own + ".log";
  bool compiled = system(command.c_str()) == 0 && rename((own + ".so").c_str(), object.c_str()) == 0;
  unlink((own + ".o").c_str());
  if (compiled) {
    unlink((own + ".log").c_str());
    unlink((own + ".cpp").c_str());
    return object;
  }
  log = read(own + ".log").substr(0, 3000);
  rename((own + ".log").c_str(), (base + ".failed").c_str());
  rename((own + ".cpp").c_str(), (base + ".failed.cpp").c_str());
  return "";
}

std::string ptx_of(const Entry &entry, const std::string &object) {
  std::string ptx = ".version 9.0\n.target sm_50\n.address_size 64\n.visible .entry " + entry.name + "(";
  std::stringstream parameters(entry.parameters);
  std::string one;
  for (int index = 0; std::getline(parameters, one, ','); index++) {
    bool pointer = one.find('*') != std::string::npos;
    ptx += std::string(index ? "," : "") + "\n\t.param " + (pointer ? ".u64 " : ".align 8 .b8 ") + entry.name + "_param_" +
           std::to_string(index) + (pointer ? "" : "[0]");
  }
  ptx += "\n)\n.maxntid " + entry.bounds + "\n{\n}\n";
  return object.empty() ? ptx : ptx + "// standin-object " + object + "\n";
}

std::mutex lock;
long compiled = 0;

/// STANDIN_FAIL's `nvrtcCompileProgram:k:code`.
int injected(long call) {
  std::string plan = setting("STANDIN_FAIL", "");
  size_t at = plan.find("nvrtcCompileProgram:");
  if (at == std::string::npos) return SUCCESS;
  long wanted = 0;
  int code = 0;
  sscanf(plan.c_str() + at, "nvrtcCompileProgram:%ld:%d", &wanted, &code);
  return wanted == call || (wanted < 0 && call >= -wanted) ? code : SUCCESS;
}

} // namespace

API int nvrtcVersion(int *major, int *minor) {
  *major = 13, *minor = 0;
  return SUCCESS;
}

API const char *nvrtcGetErrorString(int result) {
  switch (result) {
  case SUCCESS: return "NVRTC_SUCCESS";
  case OUT_OF_MEMORY: return "NVRTC_ERROR_OUT_OF_MEMORY";
  case INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
  case COMPILATION: return "NVRTC_ERROR_COMPILATION";
  case BUILTIN_OPERATION_FAILURE: return "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE";
  default: return "NVRTC_ERROR_INTERNAL_ERROR";
  }
}

API int nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char *const *, const char *const *) {
  *program = new Program{source, "", ""};
  return SUCCESS;
}

API int nvrtcDestroyProgram(Program **program) {
  delete *program;
  *program = nullptr;
  return SUCCESS;
}

API int nvrtcGetNumSupportedArchs(int *count) {
  *count = capabilities().size();
  return SUCCESS;
}

API int nvrtcGetSupportedArchs(int *all) {
  for (int one : capabilities()) *all++ = one;
  return SUCCESS;
}

API int nvrtcCompileProgram(Program *program, int count, const char *const *options) {
  std::lock_guard<std::mutex> guard(lock);
  if (int failure = injected(++compiled)) {
    program->log = failure == BUILTIN_OPERATION_FAILURE ? "nvrtc: error: failed to open libnvrtc-builtins.so.13.0."
                                                        : "nvrtc: error: a failure that the stand-in was asked for";
    return failure;
  }
  for (int index = 0; index < count; index++)
    if (!compiles_for(options[index])) {
      program->log = "nvrtc: error: invalid value for --gpu-architecture (-arch)";
      return INVALID_OPTION;
    }
  Entry entry;
  if (!find_entry(program->source, entry)) {
    program->log = "stand-in: no kernel in this source";
    return COMPILATION;
  }
  std::string object;
  if (setting("STANDIN_KERNELS", "host") == "host") {
    object = object_of(program->source, entry, program->log);
    if (object.empty()) return COMPILATION;
  }
  program->ptx = ptx_of(entry, object);
  return SUCCESS;
}

API int nvrtcGetProgramLogSize(Program *program, size_t *size) {
  *size = program->log.size() + 1;
  return SUCCESS;
}
API int nvrtcGetProgramLog(Program *program, char *log) {
  strcpy(log, program->log.c_str());
  return SUCCESS;
}
API int nvrtcGetPTXSize(Program *program, size_t *size) {
  *size = program->ptx.size() + 1;
  return SUCCESS;
}
API int nvrtcGetPTX(Program *program, char *ptx) {
  strcpy(ptx, program->ptx.c_str());
  return SUCCESS;
}
