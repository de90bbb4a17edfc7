// Instructions that kernels write as PTX: matrix products and loads by a whole warp, copies to shared memory, and the
// barriers that those arrive at. `nvrtc.cpp` makes calls of the `asm` statements. Where elements lie among a warp's registers is
// what the PTX ISA says of each instruction.
#pragma once

namespace standin {

static inline unsigned bits_of(unsigned value) { return value; }
static inline unsigned bits_of(int value) { return value; }
static inline unsigned bits_of(float value) { return __float_as_uint(value); }

/// How a register of 32 bits holds factors.
struct Tf32 {
  enum { in_register = 1 };
  static float at(unsigned bits, int) { return __uint_as_float(bits & ~0x1fffu); }
};
struct F16 {
  enum { in_register = 2 };
  static float at(unsigned bits, int half) {
    uint16_t one = bits >> 16 * half;
    _Float16 value;
    memcpy(&value, &one, sizeof value);
    return (float)value;
  }
};
struct Bf16 {
  enum { in_register = 2 };
  static float at(unsigned bits, int half) { return __uint_as_float(half ? bits & 0xffff0000u : bits << 16); }
};

constexpr int ROWS = 16, COLUMNS = 8;

/// A lane's registers of one product: `d = a * b + c`.
struct Product {
  unsigned a[4], b[2];
  float c[4], d[4];
};

/// Products are exact, sums are f32, as for `wmma`.
template <int K, class T> static void multiply_lanes(Warp &warp) {
  // Along k a register has two elements or one, four lanes follow each other, and then the registers do.
  constexpr int ALONG = 4 * T::in_register;
  auto lane = [&](int index) { return (Product *)warp.lanes[index]; };
  for (int row = 0; row < ROWS; row++)
    for (int column = 0; column < COLUMNS; column++) {
      Product *own = lane(row % 8 * 4 + column / 2);
      int register_ = row / 8 * 2 + column % 2;
      float sum = own->c[register_];
      for (int k = 0; k < K; k++) {
        int quarter = k % ALONG / T::in_register, part = k % T::in_register;
        float left = T::at(lane(row % 8 * 4 + quarter)->a[row / 8 + k / ALONG * 2], part);
        float right = T::at(lane(column * 4 + quarter)->b[k / ALONG], part);
        sum += left * right;
      }
      own->d[register_] = sum;
    }
}

/// `mma.sync.aligned.m16n8k<K>.row.col.f32.<T>.<T>.f32`: four registers of d, then those of a, b and c.
template <int K, class T, class... Registers>
static inline void mma(float &d0, float &d1, float &d2, float &d3, Registers... registers) {
  constexpr int OF_B = K / (4 * T::in_register), OF_A = 2 * OF_B;
  unsigned all[] = {bits_of(registers)...};
  static_assert(sizeof all / sizeof *all == OF_A + OF_B + 4, "registers of a product");
  Product mine = {};
  memcpy(mine.a, all, OF_A * sizeof *all);
  memcpy(mine.b, all + OF_A, OF_B * sizeof *all);
  memcpy(mine.c, all + OF_A + OF_B, sizeof mine.c);
  together(&mine, multiply_lanes<K, T>);
  d0 = mine.d[0], d1 = mine.d[1], d2 = mine.d[2], d3 = mine.d[3];
}

/// Rows of 8x8 matrices of 16 bits: the address of row r of matrix i is that of lane 8 * i + r.
struct Rows {
  unsigned address, found[4];
};
template <int MATRICES, bool TRANSPOSED> static void load_rows(Warp &warp) {
  for (int index = 0; index < WARP; index++)
    for (int matrix = 0; matrix < MATRICES; matrix++) {
      uint16_t pair[2];
      for (int half = 0; half < 2; half++) {
        int row = index / 4, column = index % 4 * 2 + half;
        if (TRANSPOSED) row = column, column = index / 4;
        const char *start = shared + ((Rows *)warp.lanes[matrix * 8 + row])->address;
        memcpy(&pair[half], start + 2 * column, 2);
      }
      memcpy(&((Rows *)warp.lanes[index])->found[matrix], pair, 4);
    }
}
/// `ldmatrix.sync.aligned.m8n8.x<MATRICES>[.trans].shared::cta.b16`: as many registers, then the address.
template <int MATRICES, bool TRANSPOSED, class... Registers> static inline void ldmatrix(unsigned address, Registers &...into) {
  Rows mine{address, {}};
  together(&mine, load_rows<MATRICES, TRANSPOSED>);
  int next = 0;
  ((into = mine.found[next++]), ...);
}

/// `cp.async`, which is done at once: a read that does not wait for it finds what it copied, here. Beyond `given` are zeros.
static inline void copy_async(unsigned to, const void *from, int bytes, int given) {
  memcpy(shared + to, from, given);
  memset(shared + to + given, 0, bytes - given);
}
/// `cp.async.mbarrier.arrive`: what it waits for is done.
static inline void arrive_when_copied(unsigned) {}

} // namespace standin

/// Shared memory's own addresses.
template <class T> static inline unsigned __cvta_generic_to_shared(T *address) { return (const char *)address - standin::shared; }

namespace cuda {
enum thread_scope { thread_scope_thread, thread_scope_block };

/// A barrier in shared memory, for as many arrivals as it was made for.
template <thread_scope> struct barrier {
  typedef unsigned arrival_token;
  unsigned expected, missing, phase;

  unsigned arrive(unsigned count = 1) {
    unsigned mine = phase;
    missing -= count;
    if (!missing) missing = expected, phase++;
    return mine;
  }
  void wait(unsigned token) const {
    while (*(volatile const unsigned *)&phase == token) standin::wait();
  }
  /// Until the phase of this parity is over.
  void wait_parity(bool parity) const {
    while ((*(volatile const unsigned *)&phase & 1) == parity) standin::wait();
  }
  void arrive_and_wait() { wait(arrive()); }
};
template <thread_scope S> static inline void init(barrier<S> *made, unsigned expected) { *made = {expected, expected, 0}; }
/// Done at once, too.
template <thread_scope S> static inline void memcpy_async(void *to, const void *from, size_t bytes, barrier<S> &) {
  memcpy(to, from, bytes);
}
template <class Group, thread_scope S>
static inline void memcpy_async(Group, void *to, const void *from, size_t bytes, barrier<S> &) {
  memcpy(to, from, bytes); // every thread of the group the same
}
namespace device {
template <thread_scope S> static inline barrier<S> *barrier_native_handle(barrier<S> &of) { return &of; }
namespace experimental {
static inline void fence_proxy_async_shared_cta() {}
} // namespace experimental
} // namespace device
} // namespace cuda

namespace cooperative_groups {
struct thread_block {};
static inline thread_block this_thread_block() { return {}; }
} // namespace cooperative_groups
