// Matrix units as `nvcuda::wmma` offers them. A fragment lies spread over the lanes of its warp in the order of its rows,
// which no program may rely on.
//
// Rounding as NVIDIA publishes it: TF32 keeps 10 bits of a factor's mantissa and drops the rest, products are exact,
// sums are f32.
#pragma once

namespace nvcuda {
namespace wmma {

struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
namespace precision {
struct tf32 {};
} // namespace precision
enum layout_t { mem_row_major, mem_col_major };

template <class T> struct Stored {
  typedef T type;
};
template <> struct Stored<precision::tf32> {
  typedef float type;
};

template <class Use, int M, int N, int K> struct Shape;
template <int M, int N, int K> struct Shape<matrix_a, M, N, K> {
  enum { rows = M, columns = K };
};
template <int M, int N, int K> struct Shape<matrix_b, M, N, K> {
  enum { rows = K, columns = N };
};
template <int M, int N, int K> struct Shape<accumulator, M, N, K> {
  enum { rows = M, columns = N };
};

template <class Use, int M, int N, int K, class T, class Layout = void> struct fragment {
  typedef typename Stored<T>::type Element;
  typedef Shape<Use, M, N, K> Sizes;
  enum { num_elements = Sizes::rows * Sizes::columns / standin::WARP };
  Element x[num_elements];
};

static inline float __float_to_tf32(float value) {
  unsigned bits = __float_as_uint(value);
  if ((bits & 0x7f800000) != 0x7f800000) bits = (bits + 0x1000) & ~0x1fffu;
  return __uint_as_float(bits);
}

template <class F> static inline void fill_fragment(F &filled, typename F::Element value) {
  for (auto &element : filled.x) element = value;
}

/// An element of a fragment, given the lanes' parts of it.
template <class F> static inline typename F::Element &element(F *const *parts, int row, int column) {
  int index = row * F::Sizes::columns + column;
  return parts[index / F::num_elements]->x[index % F::num_elements];
}

/// The lanes' parts, from their arguments: `member` of each.
template <class F, class A> static inline void gather(standin::Warp &warp, F *A::*member, F *(&parts)[standin::WARP]) {
  for (int lane = 0; lane < standin::WARP; lane++) parts[lane] = ((A *)warp.lanes[lane])->*member;
}

template <class F, class P> struct Moved {
  F *part;
  P *memory;
  unsigned stride;
  bool by_columns, stores;
};
template <class F, class P> static void move_all(standin::Warp &warp) {
  F *parts[standin::WARP];
  gather(warp, &Moved<F, P>::part, parts);
  auto &first = *(Moved<F, P> *)warp.lanes[0];
  for (int row = 0; row < F::Sizes::rows; row++)
    for (int column = 0; column < F::Sizes::columns; column++) {
      size_t index = first.by_columns ? (size_t)column * first.stride + row : (size_t)row * first.stride + column;
      auto *place = (typename F::Element *)&first.memory[index];
      if (first.stores) *place = element(parts, row, column);
      else element(parts, row, column) = *place;
    }
}
template <class F, class P> static inline void move(F &part, P *memory, unsigned stride, bool by_columns, bool stores) {
  Moved<F, P> mine{&part, memory, stride, by_columns, stores};
  standin::together(&mine, move_all<F, P>);
}

template <class U, int M, int N, int K, class T, class P>
static inline void load_matrix_sync(fragment<U, M, N, K, T, row_major> &part, P *memory, unsigned stride) {
  move(part, memory, stride, false, false);
}
template <class U, int M, int N, int K, class T, class P>
static inline void load_matrix_sync(fragment<U, M, N, K, T, col_major> &part, P *memory, unsigned stride) {
  move(part, memory, stride, true, false);
}
template <class F, class P> static inline void load_matrix_sync(F &part, P *memory, unsigned stride, layout_t layout) {
  move(part, memory, stride, layout == mem_col_major, false);
}
template <class F, class P> static inline void store_matrix_sync(P *memory, F &part, unsigned stride, layout_t layout) {
  move(part, memory, stride, layout == mem_col_major, true);
}

/// A factor as the unit reads it.
static inline float factor(float value, precision::tf32 *) { return __uint_as_float(__float_as_uint(value) & ~0x1fffu); }
template <class T> static inline float factor(T value, T *) { return (float)value; }

template <class D, class A, class B, class C> struct Multiplied {
  D *d;
  A *a;
  B *b;
  C *c;
};

template <int M, int N, int K, class T, class D, class A, class B, class C> static void multiply_all(standin::Warp &warp) {
  typedef Multiplied<D, A, B, C> Arguments;
  D *d[standin::WARP];
  A *a[standin::WARP];
  B *b[standin::WARP];
  C *c[standin::WARP];
  gather(warp, &Arguments::d, d), gather(warp, &Arguments::a, a);
  gather(warp, &Arguments::b, b), gather(warp, &Arguments::c, c);
  float left[M][K], right[K][N], sums[M][N];
  for (int m = 0; m < M; m++)
    for (int k = 0; k < K; k++) left[m][k] = factor(element(a, m, k), (T *)nullptr);
  for (int k = 0; k < K; k++)
    for (int n = 0; n < N; n++) right[k][n] = factor(element(b, k, n), (T *)nullptr);
  for (int m = 0; m < M; m++)
    for (int n = 0; n < N; n++) sums[m][n] = (float)element(c, m, n);
  for (int m = 0; m < M; m++)
    for (int k = 0; k < K; k++)
      for (int n = 0; n < N; n++) sums[m][n] += left[m][k] * right[k][n];
  for (int m = 0; m < M; m++)
    for (int n = 0; n < N; n++) element(d, m, n) = sums[m][n];
}

template <int M, int N, int K, class TD, class T, class LA, class LB, class TC>
static inline void mma_sync(fragment<accumulator, M, N, K, TD> &d, fragment<matrix_a, M, N, K, T, LA> &a,
                            fragment<matrix_b, M, N, K, T, LB> &b, fragment<accumulator, M, N, K, TC> &c) {
  typedef fragment<matrix_a, M, N, K, T, LA> A;
  typedef fragment<matrix_b, M, N, K, T, LB> B;
  typedef fragment<accumulator, M, N, K, TC> C;
  typedef fragment<accumulator, M, N, K, TD> D;
  Multiplied<D, A, B, C> mine{&d, &a, &b, &c};
  standin::together(&mine, multiply_all<M, N, K, T, D, A, B, C>);
}

} // namespace wmma
} // namespace nvcuda
