// Who did what: settings, the log, counts, failures on request, the report at the end.
#include "driver.h"

#include <algorithm>
#include <cstdarg>
#include <cstdlib>
#include <dlfcn.h>
#include <execinfo.h>
#include <unistd.h>

namespace standin {

std::string setting(const char *name, const char *usual) {
  const char *value = getenv(name);
  return value && *value ? value : usual;
}

long number(const char *name, long usual) { return strtol(setting(name, std::to_string(usual).c_str()).c_str(), nullptr, 0); }

uint64_t seed() {
  static uint64_t chosen = number("STANDIN_SEED", 1);
  return chosen;
}

uint64_t random(uint64_t below) {
  static uint64_t state = seed() * 0x9e3779b97f4a7c15 + 1;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state % below;
}

uint64_t hash(const std::string &text) {
  uint64_t value = 1469598103934665603;
  for (unsigned char letter : text) value = (value ^ letter) * 1099511628211;
  return value;
}

static FILE *log() {
  static FILE *file = [] {
    std::string path = setting("STANDIN_LOG", "");
    FILE *opened = path.empty() ? nullptr : fopen(path.c_str(), "a");
    if (opened) setvbuf(opened, nullptr, _IOLBF, 0);
    return opened;
  }();
  return file;
}

void say(const char *format, ...) {
  if (!log()) return;
  va_list arguments;
  va_start(arguments, format);
  vfprintf(log(), format, arguments);
  va_end(arguments);
  fputc('\n', log());
}

static std::map<std::string, long> &misuses() {
  static auto *counts = new std::map<std::string, long>; // read at exit, so never destroyed
  return *counts;
}

void misuse(const char *kind, const char *format, ...) {
  constexpr long WRITTEN = 5;
  if (misuses()[kind]++ >= WRITTEN) return;
  char text[600];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  say("MISUSE %s: %s", kind, text);
}

State &state() {
  static State *all = new State;
  return *all;
}

State::State() {
  for (size_t device = 0; device < gpus().size(); device++) contexts.push_back(Context{(int)device});
}

/// The program's own return addresses on the stack, innermost first, as offsets for addr2line.
static std::string caller() {
  constexpr int DEPTH = 40, KEPT = 12;
  void *frames[DEPTH];
  Dl_info own, info;
  dladdr((void *)caller, &own);
  std::string found;
  int kept = 0;
  for (int frame = 0, count = backtrace(frames, DEPTH); frame < count && kept < KEPT; frame++) {
    if (!dladdr(frames[frame], &info) || info.dli_fbase == own.dli_fbase) continue;
    char text[24];
    snprintf(text, sizeof text, " %zx", (size_t)((char *)frames[frame] - (char *)info.dli_fbase));
    found += text;
    kept++;
  }
  return found;
}

void sign(Object &object, Context *context, long serial) {
  object.context = context;
  object.serial = serial;
  object.maker = caller();
}

bool breaks_context(Result result) {
  switch ((int)result) {
  case 214: case 700: case 702: case 710: case 714: case 715: case 716: case 717: case 718: case 719: return true;
  default: return false;
  }
}

/// STANDIN_FAIL is `function:k:code` with commas between several: the k-th call fails, from the k-th on with `-k`.
static Result injected(const std::string &name, long count) {
  struct Failure {
    std::string function;
    long call;
    Result result;
  };
  static std::vector<Failure> plan = [] {
    std::vector<Failure> parsed;
    std::string text = setting("STANDIN_FAIL", "");
    for (size_t start = 0; start < text.size();) {
      size_t end = std::min(text.find(',', start), text.size());
      std::string one = text.substr(start, end - start);
      size_t first = one.find(':'), second = one.find(':', first + 1);
      parsed.push_back({one.substr(0, first), atol(one.c_str() + first + 1), (Result)atoi(one.c_str() + second + 1)});
      start = end + 1;
    }
    return parsed;
  }();
  for (auto &failure : plan)
    if (failure.function == name && (failure.call == count || (failure.call < 0 && count >= -failure.call))) {
      say("INJECTED %s call %ld: %d", name.c_str(), count, (int)failure.result);
      return failure.result;
    }
  return CUDA_SUCCESS;
}

thread_local Context *current = nullptr;
thread_local long current_generation = 0;

Call::Call(const char *name) : guard(state().lock), result(injected(name, ++state().calls[name])) {
  static bool every = number("STANDIN_TRACE", 0);
  if (every) say("call %s", name);
  if (breaks_context(result) && current) current->broken = result;
}

Call::Call(const char *name, Needs needs) : Call(name) {
  context = current;
  if (result != CUDA_SUCCESS) return;
  if (!context) {
    misuse("no current context", "%s", name);
    result = CUDA_ERROR_INVALID_CONTEXT;
  } else if (!context->alive || context->generation != current_generation) {
    misuse("context was reset", "%s", name);
    result = CUDA_ERROR_CONTEXT_IS_DESTROYED;
  } else if (context->broken != CUDA_SUCCESS) {
    result = context->broken;
  } else if (needs == NOT_WHILE_RECORDING && anyone_records()) {
    misuse("forbidden while recording", "%s", name);
    for (auto &[stream, _] : state().streams.live) stream->invalid |= stream->recording;
    result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
}

bool anyone_records() {
  auto &live = state().streams.live;
  return std::any_of(live.begin(), live.end(), [](auto &entry) { return entry.first->recording; });
}

template <class Objects> static void who_made(const char *name, const Objects &objects) {
  constexpr int WRITTEN = 8;
  std::map<std::string, int> makers;
  for (auto &[_, object] : objects) makers[object->maker]++;
  int written = 0;
  for (auto &[maker, count] : makers)
    if (written++ < WRITTEN) say("  %d %s made at%s", count, name, maker.c_str());
}

void report(const char *when) {
  State &all = state();
  for (auto &context : all.contexts) {
    size_t live = 0;
    for (auto &[_, allocation] : all.device) live += allocation->context == &context;
    if (!context.generation) continue;
    say("%s: gpu %d: context %s, %zu allocations of %zu bytes (peak %zu), %zu bytes of modules", when, context.device,
        context.alive ? "alive" : "gone", live, context.bytes, context.peak, context.module_bytes);
  }
  say("%s: %zu pinned of %zu bytes, %zu modules, %zu streams, %zu events, %zu graphs, %zu executables", when,
      all.pinned.size(), all.pinned_bytes, all.modules.live.size(), all.streams.live.size(), all.events.live.size(),
      all.graphs.live.size(), all.executables.live.size());
}

__attribute__((destructor)) static void at_exit() {
  State &all = state();
  std::lock_guard<std::recursive_mutex> guard(all.lock);
  report("exit");
  if (number("STANDIN_MAKERS", 0)) {
    who_made("allocation", all.device), who_made("pinned", all.pinned), who_made("module", all.modules.live);
    who_made("stream", all.streams.live), who_made("event", all.events.live);
    who_made("executable", all.executables.live);
  }
  say("made: %ld allocations of %zu bytes, %ld pinned (peak %zu bytes), %ld modules, %ld streams, %ld events (peak %zu), "
      "%ld graphs, %ld executables",
      all.allocations, all.allocated_bytes, all.pins, all.pinned_peak, all.modules.made, all.streams.made,
      all.events.made, all.events.peak, all.graphs.made, all.executables.made);
  say("ran: %ld launches, %ld graph launches of %ld kernels, %ld recordings (%ld failed)", all.launches,
      all.graph_launches, all.graph_kernels, all.recordings, all.recordings_failed);
  say("copied: %ld up of %zu bytes, %ld down of %zu, %ld across of %zu", all.copies_up, all.bytes_up, all.copies_down,
      all.bytes_down, all.copies_across, all.bytes_across);
  long total = 0;
  for (auto &[kind, count] : misuses()) say("misuse: %ld %s", count, kind.c_str()), total += count;
  say("misuses: %ld", total);
  if (number("STANDIN_CALLS", 0))
    for (auto &[name, count] : all.calls) say("calls: %ld %s", count, name.c_str());
}

} // namespace standin
