// What the stand-in's parts share: its objects, who made them, what was done to them that a real driver would not bear.
#pragma once

#include <cuda.h>
// The header renames these to newer versions; both names are exported here.
#undef cuDeviceTotalMem
#undef cuDeviceGetUuid
#undef cuEventElapsedTime

#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "traffic.h"

#define API extern "C" __attribute__((visibility("default")))

namespace standin {

using Result = CUresult;
using Address = uintptr_t;

/// A variable of the environment, or what it usually is.
std::string setting(const char *name, const char *usual);
long number(const char *name, long usual);
/// Numbers that STANDIN_SEED decides.
uint64_t random(uint64_t below);
uint64_t seed();
/// A hash of text that is the same in every process.
uint64_t hash(const std::string &text);

/// One line in STANDIN_LOG.
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// Something that no correct program does. It is counted, and the first few of each kind are written down.
void misuse(const char *kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// One GPU of those that STANDIN_GPUS names.
struct Gpu {
  std::string name;
  int capability; // 90 is 9.0
  size_t bytes;
  int processors;
};
const std::vector<Gpu> &gpus();

/// Anything that somebody made and has to give back.
struct Object {
  struct Context *context = nullptr;
  long serial = 0;
  std::string maker; // where in the program, innermost first
};

struct Allocation : Object {
  size_t bytes = 0;   // asked for
  char *map = nullptr; // with its guard pages
  size_t mapped = 0;
};

/// A kernel, a copy, or a mark in a stream.
struct Operation {
  int kind; // CUgraphNodeType, or MARK
  std::string name;
  std::function<Result()> run;
};
constexpr int MARK = -1;

/// Work waits here until somebody waits for it, or chance runs it earlier.
struct Stream : Object {
  std::deque<Operation> waiting;
  long issued = 0, done = 0;
  bool recording = false, invalid = false;
  std::vector<Operation> recorded;
};

struct Event : Object {
  Stream *stream = nullptr; // where it was recorded last
  long position = 0;        // after so many of the stream's operations
  double at = 0;            // seconds of the device's clock
  bool recorded = false, reached = false, in_recording = false;
};

struct Graph : Object {
  std::vector<Operation> operations;
};
struct Executable : Object {
  std::vector<Operation> operations;
};

struct Parameter {
  size_t bytes;
  bool pointer;
};
struct Module;
struct Function {
  std::string name;
  Module *module = nullptr;
  std::vector<Parameter> parameters;
  int threads_at_most = 0;
  size_t shared_static = 0;
  int shared_dynamic = 0; // what cuFuncSetAttribute allowed
  std::string object;     // the file that runs it, where kernels run
  void (*launch)(void **, const unsigned *, const unsigned *, unsigned) = nullptr;
};
struct Module : Object {
  size_t bytes = 0;
  std::map<std::string, std::unique_ptr<Function>> functions;
};

/// The objects of one kind that live, and how many ever did.
template <class T> struct Kind {
  const char *name;
  std::map<T *, std::unique_ptr<T>> live;
  std::set<T *> dead;
  long made = 0;
  size_t peak = 0;

  explicit Kind(const char *name) : name(name) {}
  T *make(std::unique_ptr<T> object);
  T *find(const void *handle) const {
    auto found = live.find((T *)handle);
    return found == live.end() ? nullptr : found->first;
  }
  /// The object, or null and a misuse that says whether it ever lived.
  T *demand(const void *handle, const char *call) const {
    if (T *object = find(handle)) return object;
    misuse("dead handle", "%s of a %s that %s", call, name, dead.count((T *)handle) ? "was destroyed" : "was never made");
    return nullptr;
  }
  void destroy(T *object) {
    live.erase(object);
    dead.insert(object);
  }
  void destroy_all(const Context *context) {
    for (auto next = live.begin(); next != live.end();) {
      T *object = (next++)->first;
      if (object->context == context) destroy(object);
    }
  }
};

/// The primary context of a GPU.
struct Context {
  int device;
  bool alive = false;
  int references = 0;
  long generation = 0;
  Result broken = CUDA_SUCCESS; // a fault that only a reset ends
  double clock = 0;             // seconds of kernels so far
  long launched = 0;
  size_t bytes = 0, peak = 0; // of allocations
  size_t module_bytes = 0;
};

/// Everything that lives. Nobody touches it but under `lock`.
struct State {
  std::recursive_mutex lock;
  std::vector<Context> contexts;
  std::map<Address, std::unique_ptr<Allocation>> device, pinned;
  std::map<Address, std::unique_ptr<Allocation>> freed; // device addresses that nothing is at any more
  size_t pinned_bytes = 0, pinned_peak = 0;
  long allocations = 0, pins = 0;
  size_t allocated_bytes = 0;
  Kind<Stream> streams{"stream"};
  Kind<Event> events{"event"};
  Kind<Graph> graphs{"graph"};
  Kind<Executable> executables{"graph executable"};
  Kind<Module> modules{"module"};
  long launches = 0, graph_launches = 0, graph_kernels = 0, recordings = 0, recordings_failed = 0;
  long copies_up = 0, copies_down = 0, copies_across = 0;
  size_t bytes_up = 0, bytes_down = 0, bytes_across = 0;
  std::map<std::string, long> calls;
  State();
};
State &state();

/// Every call begins with one: it takes the lock, counts, and fails where STANDIN_FAIL says so.
struct Call {
  std::lock_guard<std::recursive_mutex> guard;
  Result result;
  Context *context = nullptr;

  /// A call that needs no context.
  explicit Call(const char *name);
  enum Needs { CURRENT_CONTEXT, NOT_WHILE_RECORDING };
  /// A call in the thread's context.
  Call(const char *name, Needs needs);
};
#define BEGIN(...)                                                                                                     \
  Call call(__VA_ARGS__);                                                                                              \
  if (call.result != CUDA_SUCCESS) return call.result

/// What makes a context useless until it is reset.
bool breaks_context(Result result);
/// Gives an object its number, its context and its maker.
void sign(Object &object, Context *context, long serial);
bool anyone_records();

/// Bytes of a GPU that its driver has given away, counted as it counts; with an allocation of so many `more`.
size_t bytes_used(int device, size_t more = 0);

/// The live allocation that holds all of `[address, address + bytes)`; a misuse where none does.
bool holds(Address address, size_t bytes, const char *what);
bool is_pinned(const void *address, size_t bytes);
/// What is at an address, in words.
std::string describe(Address address);

/// Appends to a stream; `null` is the stream that waits for nothing else.
Result enqueue(CUstream stream, Operation operation);
/// Runs a stream until so many of its operations are done.
Result advance(Stream &stream, long position);
Result finish(Stream &stream);
/// Every stream of a context.
Result finish_all(const Context &context);
Stream *stream_of(CUstream handle);

/// What is gone when a context is reset.
void release_context(Context &context);
void release_memory(const Context &context);

/// Where kernels mark what they touch; null unless STANDIN_TRAFFIC has them do so.
Traffic *traffic();
/// Where the next allocation is to be, if that has to be among the addresses that are watched.
void *next_address(size_t bytes);
void say_traffic(const char *kernel, const unsigned *grid, const unsigned *block);

/// What lives, and who made it.
void report(const char *when);

template <class T> T *Kind<T>::make(std::unique_ptr<T> object) {
  T *handle = object.get();
  dead.erase(handle);
  live[handle] = std::move(object);
  made++;
  peak = std::max(peak, live.size());
  return handle;
}

} // namespace standin
