// CUDA's arithmetic on the processor: device functions, and 16-bit numbers that round as hardware does, to nearest even
// after every operation.
#pragma once

template <class A, class B> static inline auto max(A a, B b) -> decltype(a + b) { return a > b ? a : b; }
template <class A, class B> static inline auto min(A a, B b) -> decltype(a + b) { return a < b ? a : b; }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline float min(float a, float b) { return fminf(a, b); }

// Hardware's fast versions are within a few units in the last place of these.
#define __fdividef(a, b) ((float)(a) / (float)(b))
#define __expf(a) expf(a)
#define __logf(a) logf(a)
#define __sinf(a) sinf(a)
#define __cosf(a) cosf(a)
#define __powf(a, b) powf(a, b)
#define __tanhf(a) tanhf(a)
#define __fsqrt_rn(a) sqrtf(a)
#define __frcp_rn(a) (1.0f / (float)(a))
#define __frsqrt_rn(a) (1.0f / sqrtf(a))
static inline float rsqrt(float a) { return 1 / sqrtf(a); }
static inline float rsqrtf(float a) { return 1 / sqrtf(a); }
static inline float __saturatef(float a) { return a > 0 ? (a < 1 ? a : 1) : 0; }

static inline unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t)a * b >> 32; }
static inline int __mulhi(int a, int b) { return (int64_t)a * b >> 32; }
static inline uint64_t __umul64hi(uint64_t a, uint64_t b) { return (unsigned __int128)a * b >> 64; }
static inline int __popc(unsigned a) { return __builtin_popcount(a); }
static inline int __clz(int a) { return a ? __builtin_clz(a) : 32; }
static inline int __ffs(int a) { return __builtin_ffs(a); }
static inline unsigned __float_as_uint(float value) {
  unsigned bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
static inline float __uint_as_float(unsigned bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

struct __nv_bfloat16;

struct __half {
  _Float16 value;
  __half() = default;
  __half(float from) : value((_Float16)from) {}
  __half(double from) : value((_Float16)from) {}
  __half(int from) : value((_Float16)from) {}
  __half(unsigned from) : value((_Float16)from) {}
  __half(long from) : value((_Float16)from) {}
  __half(bool from) : value((_Float16)(int)from) {}
  __half(__nv_bfloat16 from);
  operator float() const { return (float)value; }
};

struct __nv_bfloat16 {
  uint16_t bits;
  __nv_bfloat16() = default;
  __nv_bfloat16(float from) {
    unsigned wide = __float_as_uint(from);
    bits = from != from ? 0x7fff : (wide + 0x7fff + (wide >> 16 & 1)) >> 16;
  }
  __nv_bfloat16(double from) : __nv_bfloat16((float)from) {}
  __nv_bfloat16(int from) : __nv_bfloat16((float)from) {}
  __nv_bfloat16(unsigned from) : __nv_bfloat16((float)from) {}
  __nv_bfloat16(bool from) : __nv_bfloat16((float)from) {}
  __nv_bfloat16(__half from) : __nv_bfloat16((float)from) {}
  operator float() const { return __uint_as_float((unsigned)bits << 16); }
};
inline __half::__half(__nv_bfloat16 from) : value((_Float16)(float)from) {}

// A sum, product or quotient of two such numbers is exact enough in f32 that rounding it once more is rounding it once.
#define STANDIN_BINARY(T, name, expression)                                                                            \
  static inline T name(T a_, T b_) {                                                                                   \
    float a = a_, b = b_;                                                                                              \
    return T(expression);                                                                                              \
  }
#define STANDIN_UNARY(T, name, expression)                                                                             \
  static inline T name(T a_) {                                                                                         \
    float a = a_;                                                                                                      \
    return T(expression);                                                                                              \
  }
#define STANDIN_COMPARE(T, operation)                                                                                  \
  static inline bool operator operation(T a, T b) { return (float)a operation(float) b; }
#define STANDIN_NUMBER(T)                                                                                              \
  STANDIN_BINARY(T, operator+, a + b)                                                                                  \
  STANDIN_BINARY(T, operator-, a - b)                                                                                  \
  STANDIN_BINARY(T, operator*, a *b)                                                                                   \
  STANDIN_BINARY(T, operator/, a / b)                                                                                  \
  STANDIN_UNARY(T, operator-, -a)                                                                                      \
  static inline T &operator+=(T &a, T b) { return a = a + b; }                                                         \
  static inline T &operator-=(T &a, T b) { return a = a - b; }                                                         \
  static inline T &operator*=(T &a, T b) { return a = a * b; }                                                         \
  static inline T &operator/=(T &a, T b) { return a = a / b; }                                                         \
  STANDIN_COMPARE(T, <)                                                                                                \
  STANDIN_COMPARE(T, >)                                                                                                \
  STANDIN_COMPARE(T, <=)                                                                                               \
  STANDIN_COMPARE(T, >=)                                                                                               \
  STANDIN_COMPARE(T, ==)                                                                                               \
  STANDIN_COMPARE(T, !=)                                                                                               \
  STANDIN_UNARY(T, hexp, expf(a))                                                                                      \
  STANDIN_UNARY(T, hlog, logf(a))                                                                                      \
  STANDIN_UNARY(T, hsqrt, sqrtf(a))                                                                                    \
  STANDIN_UNARY(T, hrcp, 1 / a)                                                                                        \
  STANDIN_UNARY(T, hrsqrt, 1 / sqrtf(a))                                                                               \
  STANDIN_UNARY(T, htanh, tanhf(a))                                                                                    \
  STANDIN_UNARY(T, hsin, sinf(a))                                                                                      \
  STANDIN_UNARY(T, hcos, cosf(a))                                                                                      \
  STANDIN_UNARY(T, hfloor, floorf(a))                                                                                  \
  STANDIN_UNARY(T, hceil, ceilf(a))                                                                                    \
  STANDIN_UNARY(T, htrunc, truncf(a))                                                                                  \
  STANDIN_UNARY(T, hrint, rintf(a))                                                                                    \
  STANDIN_UNARY(T, __habs, fabsf(a))                                                                                   \
  STANDIN_UNARY(T, __hneg, -a)                                                                                         \
  STANDIN_BINARY(T, __hadd, a + b)                                                                                     \
  STANDIN_BINARY(T, __hsub, a - b)                                                                                     \
  STANDIN_BINARY(T, __hmul, a *b)                                                                                      \
  STANDIN_BINARY(T, __hdiv, a / b)                                                                                     \
  STANDIN_BINARY(T, __hmax, fmaxf(a, b))                                                                               \
  STANDIN_BINARY(T, __hmin, fminf(a, b))                                                                               \
  STANDIN_BINARY(T, __hmax_nan, a != a ? a : b != b ? b : fmaxf(a, b))                                                 \
  STANDIN_BINARY(T, __hmin_nan, a != a ? a : b != b ? b : fminf(a, b))                                                 \
  static inline T __hfma(T a, T b, T c) { return T((double)(float)a * (float)b + (float)c); }                          \
  static inline bool __hisnan(T a) { return (float)a != (float)a; }                                                    \
  static inline bool __hisinf(T a) { return isinf((float)a); }
STANDIN_NUMBER(__half)
STANDIN_NUMBER(__nv_bfloat16)

// Two of them in a register.
#define STANDIN_EACH(P, name, inner)                                                                                   \
  static inline P name(P a) { return {inner(a.x), inner(a.y)}; }
#define STANDIN_EACH_OF_TWO(P, name, inner)                                                                            \
  static inline P name(P a, P b) { return {inner(a.x, b.x), inner(a.y, b.y)}; }
#define STANDIN_PAIR(P, T)                                                                                             \
  struct alignas(4) P {                                                                                                \
    T x, y;                                                                                                            \
    P() = default;                                                                                                     \
    P(T x, T y) : x(x), y(y) {}                                                                                        \
    P(T both) : x(both), y(both) {}                                                                                    \
  };                                                                                                                   \
  STANDIN_EACH_OF_TWO(P, operator+, operator+)                                                                         \
  STANDIN_EACH_OF_TWO(P, operator-, operator-)                                                                         \
  STANDIN_EACH_OF_TWO(P, operator*, operator*)                                                                         \
  STANDIN_EACH_OF_TWO(P, operator/, operator/)                                                                         \
  STANDIN_EACH_OF_TWO(P, __hadd2, operator+)                                                                           \
  STANDIN_EACH_OF_TWO(P, __hsub2, operator-)                                                                           \
  STANDIN_EACH_OF_TWO(P, __hmul2, operator*)                                                                           \
  STANDIN_EACH_OF_TWO(P, __hmax2, __hmax)                                                                              \
  STANDIN_EACH_OF_TWO(P, __hmin2, __hmin)                                                                              \
  STANDIN_EACH_OF_TWO(P, __hmax2_nan, __hmax_nan)                                                                      \
  STANDIN_EACH_OF_TWO(P, __hmin2_nan, __hmin_nan)                                                                      \
  STANDIN_EACH(P, operator-, __hneg)                                                                                   \
  STANDIN_EACH(P, h2exp, hexp)                                                                                         \
  STANDIN_EACH(P, h2log, hlog)                                                                                         \
  STANDIN_EACH(P, h2sqrt, hsqrt)                                                                                       \
  STANDIN_EACH(P, h2rsqrt, hrsqrt)                                                                                     \
  STANDIN_EACH(P, h2rcp, hrcp)                                                                                         \
  STANDIN_EACH(P, h2tanh, htanh)                                                                                       \
  STANDIN_EACH(P, h2floor, hfloor)                                                                                     \
  STANDIN_EACH(P, h2ceil, hceil)                                                                                       \
  STANDIN_EACH(P, __habs2, __habs)                                                                                     \
  static inline P __hfma2(P a, P b, P c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
STANDIN_PAIR(__half2, __half)
STANDIN_PAIR(__nv_bfloat162, __nv_bfloat16)
