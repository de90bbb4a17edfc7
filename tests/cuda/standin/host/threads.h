// A grid on the processor: blocks one after another, a block's threads as a loop where none waits for another, else as
// fibres that take turns.
#pragma once

#include <sys/mman.h>

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
};
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static const int warpSize = 32;

namespace standin {

constexpr int WARP = 32, THREADS_AT_MOST = 1024;
constexpr size_t STACK = 128 << 10;

struct Fibre {
  void *stack_pointer;
  bool done;
  uint3 index;
  int warp, lane;
};

/// Lanes that have come to what the whole warp does together.
struct Warp {
  int living, arrived;
  unsigned round;
  void *lanes[WARP]; // each lane's own arguments
  void (*operation)(Warp &);
};

static Fibre *fibres;
static char *stacks;
static Warp warps[THREADS_AT_MOST / WARP];
static int threads, living, arrived, running;
static unsigned round_;
static void *host_stack_pointer;
static char *shared;
static void **arguments_;
static void (*kernel)(void **);

// Saves the callee's registers on the old stack and takes the new one's: all that the System V ABI asks for.
extern "C" void standin_switch(void **old_stack, void *new_stack) __attribute__((visibility("hidden")));
asm(R"(.text
.hidden standin_switch
.globl standin_switch
standin_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
)");

static __attribute__((noinline)) void switch_to(int next) {
  int previous = running;
  running = next;
  threadIdx = fibres[next].index;
  standin_switch(&fibres[previous].stack_pointer, fibres[next].stack_pointer);
}

static int following(int fibre) {
  do fibre = fibre + 1 == threads ? 0 : fibre + 1;
  while (fibres[fibre].done);
  return fibre;
}

static __attribute__((noinline)) void wait() {
  int next = following(running);
  if (next == running) {
    fprintf(stderr, "stand-in: a kernel waits for threads that never come\n");
    abort();
  }
  switch_to(next);
}

/// The barrier of a block. Threads that have ended count as there, as on hardware.
static void barrier() {
  unsigned mine = round_;
  if (++arrived == living) {
    arrived = 0;
    round_++;
    return;
  }
  while (round_ == mine) wait();
}

static void do_together(Warp &warp) {
  warp.operation(warp);
  warp.arrived = 0;
  warp.round++;
}

/// Runs `operation` once the whole warp is here, each lane with arguments of its own.
static void together(void *arguments, void (*operation)(Warp &)) {
  Fibre &own = fibres[running];
  Warp &warp = warps[own.warp];
  if (warp.arrived && warp.operation != operation) {
    fprintf(stderr, "stand-in: the lanes of a warp are at different operations\n");
    abort();
  }
  warp.lanes[own.lane] = arguments;
  warp.operation = operation;
  unsigned mine = warp.round;
  if (++warp.arrived == warp.living) return do_together(warp);
  while (warp.round == mine) wait();
}

static void fibre() {
  kernel(arguments_);
  Fibre &own = fibres[running];
  own.done = true;
  Warp &warp = warps[own.warp];
  warp.lanes[own.lane] = nullptr;
  if (--warp.living && warp.arrived == warp.living) do_together(warp);
  if (--living == 0) standin_switch(&own.stack_pointer, host_stack_pointer);
  if (arrived == living) {
    arrived = 0;
    round_++;
  }
  switch_to(following(running));
}

static void run_block_as_fibres() {
  living = threads;
  arrived = 0;
  for (int warp = 0; warp * WARP < threads; warp++) {
    warps[warp] = {};
    warps[warp].living = threads - warp * WARP < WARP ? threads - warp * WARP : WARP;
  }
  for (int thread = 0; thread < threads; thread++) {
    Fibre &one = fibres[thread];
    unsigned index = thread;
    one.done = false;
    one.index = {index % blockDim.x, index / blockDim.x % blockDim.y, index / blockDim.x / blockDim.y};
    one.warp = thread / WARP;
    one.lane = thread % WARP;
    void **top = (void **)(stacks + STACK * (thread + 1)) - 2; // aligned as a call leaves it
    *top = (void *)fibre;
    one.stack_pointer = top - 6;
  }
  running = 0;
  threadIdx = fibres[0].index;
  standin_switch(&host_stack_pointer, fibres[0].stack_pointer);
}

static void run_block_as_loop() {
  for (threadIdx.z = 0; threadIdx.z < blockDim.z; threadIdx.z++)
    for (threadIdx.y = 0; threadIdx.y < blockDim.y; threadIdx.y++)
      for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++) kernel(arguments_);
}

static void launch(void (*entry)(void **), void **arguments, const unsigned *grid, const unsigned *block, unsigned bytes,
                   bool as_fibres) {
  gridDim = {grid[0], grid[1], grid[2]};
  blockDim = {block[0], block[1], block[2]};
  threads = block[0] * block[1] * block[2];
  kernel = entry;
  arguments_ = arguments;
  if (as_fibres && !stacks) {
    stacks = (char *)mmap(nullptr, STACK * THREADS_AT_MOST, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    fibres = (Fibre *)calloc(THREADS_AT_MOST, sizeof(Fibre));
  }
  // Kept for the next launch; a fault leaves it behind.
  static size_t room = 0;
  if (room < bytes + 1024) {
    free(shared);
    room = (bytes + 2047) / 1024 * 1024;
    shared = (char *)aligned_alloc(1024, room);
  }
  memset(shared, 0xff, bytes); // what a block finds there is nobody's promise
  for (blockIdx.z = 0; blockIdx.z < grid[2]; blockIdx.z++)
    for (blockIdx.y = 0; blockIdx.y < grid[1]; blockIdx.y++)
      for (blockIdx.x = 0; blockIdx.x < grid[0]; blockIdx.x++) as_fibres ? run_block_as_fibres() : run_block_as_loop();
}

// A kernel's arguments from the addresses that the driver was given.
template <class T> struct Bare {
  typedef T type;
};
template <class T> struct Bare<const T> {
  typedef T type;
};
template <size_t... I> struct Indices {};
template <size_t N, size_t... I> struct Count : Count<N - 1, N - 1, I...> {};
template <size_t... I> struct Count<0, I...> {
  typedef Indices<I...> type;
};
template <class... A, size_t... I> static inline void spread(void (*function)(A...), void **addresses, Indices<I...>) {
  function(*(typename Bare<A>::type *)addresses[I]...);
}
template <class... A> static inline void call(void (*function)(A...), void **addresses) {
  spread(function, addresses, typename Count<sizeof...(A)>::type());
}
template <class... A> static inline unsigned sizes(void (*)(A...), unsigned *bytes) {
  unsigned all[] = {sizeof(A)...};
  for (unsigned index = 0; index < sizeof...(A); index++) bytes[index] = all[index];
  return sizeof...(A);
}

/// One lane's value for another: `from` says whose, by its own number.
template <class T> struct Shuffled {
  T own, got;
  int from;
};
template <class T> static void shuffle_all(Warp &warp) {
  for (void *lane : warp.lanes)
    if (auto *taker = (Shuffled<T> *)lane) {
      auto *giver = (Shuffled<T> *)warp.lanes[taker->from & (WARP - 1)];
      taker->got = giver ? giver->own : taker->own;
    }
}
template <class T> static inline T shuffle(T value, int from) {
  Shuffled<T> mine{value, value, from};
  together(&mine, shuffle_all<T>);
  return mine.got;
}
static inline int lane() { return fibres[running].lane; }

struct Vote {
  bool own;
  unsigned all;
};
static void count_votes(Warp &warp) {
  unsigned all = 0;
  for (int lane = 0; lane < WARP; lane++)
    if (warp.lanes[lane] && ((Vote *)warp.lanes[lane])->own) all |= 1u << lane;
  for (void *lane : warp.lanes)
    if (lane) ((Vote *)lane)->all = all;
}
static void nothing(Warp &) {}

} // namespace standin

#define __syncthreads() standin::barrier()
static inline void __syncwarp(unsigned = ~0u) {
  char none;
  standin::together(&none, standin::nothing);
}
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline unsigned __activemask() { return ~0u; }

template <class T> static inline T __shfl_sync(unsigned, T value, int from, int = 32) { return standin::shuffle(value, from); }
template <class T> static inline T __shfl_xor_sync(unsigned, T value, int mask, int = 32) {
  return standin::shuffle(value, standin::lane() ^ mask);
}
template <class T> static inline T __shfl_up_sync(unsigned, T value, int by, int = 32) {
  int lane = standin::lane();
  return standin::shuffle(value, lane < by ? lane : lane - by);
}
template <class T> static inline T __shfl_down_sync(unsigned, T value, int by, int = 32) {
  int lane = standin::lane();
  return standin::shuffle(value, lane + by > 31 ? lane : lane + by);
}
static inline unsigned __ballot_sync(unsigned, bool value) {
  standin::Vote mine{value, 0};
  standin::together(&mine, standin::count_votes);
  return mine.all;
}
static inline bool __any_sync(unsigned mask, bool value) { return __ballot_sync(mask, value) != 0; }
static inline bool __all_sync(unsigned mask, bool value) { return __ballot_sync(mask, !value) == 0; }
