/* What kernels may call besides C's mathematics, and vectors of numbers: included by cuda_runtime.h. */
#ifndef SIGNSGD_TESTS_CUDA_DEVICE_FUNCTIONS_H
#define SIGNSGD_TESTS_CUDA_DEVICE_FUNCTIONS_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define EMULATED_VECTOR(type, number)                                                                        \
	struct alignas(sizeof(number) * 2) type##2                                                           \
	{                                                                                                    \
		number x, y;                                                                                 \
	};                                                                                                   \
	struct alignas(16) type##4                                                                           \
	{                                                                                                    \
		number x, y, z, w;                                                                           \
	};                                                                                                   \
	static inline type##2 make_##type##2(number x, number y)                                             \
	{                                                                                                    \
		return {x, y};                                                                               \
	}                                                                                                    \
	static inline type##4 make_##type##4(number x, number y, number z, number w)                         \
	{                                                                                                    \
		return {x, y, z, w};                                                                         \
	}

EMULATED_VECTOR(float, float)
EMULATED_VECTOR(int, int)
EMULATED_VECTOR(uint, unsigned)
#undef EMULATED_VECTOR

struct alignas(4) uchar4 {
	unsigned char x, y, z, w;
};
struct alignas(16) double2 {
	double x, y;
};
struct alignas(16) ulonglong2 {
	unsigned long long x, y;
};
static inline uchar4 make_uchar4(unsigned char x, unsigned char y, unsigned char z, unsigned char w)
{
	return {x, y, z, w};
}
static inline double2 make_double2(double x, double y)
{
	return {x, y};
}
static inline ulonglong2 make_ulonglong2(unsigned long long x, unsigned long long y)
{
	return {x, y};
}

static inline int __popc(unsigned x)
{
	return __builtin_popcount(x);
}
static inline int __popcll(unsigned long long x)
{
	return __builtin_popcountll(x);
}
static inline int __ffs(int x)
{
	return __builtin_ffs(x);
}
static inline int __ffsll(long long x)
{
	return __builtin_ffsll(x);
}
static inline int __clz(int x)
{
	return x == 0 ? 32 : __builtin_clz((unsigned)x);
}
static inline int __clzll(long long x)
{
	return x == 0 ? 64 : __builtin_clzll((unsigned long long)x);
}
static inline unsigned __brev(unsigned x)
{
	unsigned out = 0;
	for (int i = 0; i < 32; i++)
		out |= (x >> i & 1u) << (31 - i);
	return out;
}
static inline unsigned __umulhi(unsigned a, unsigned b)
{
	return (unsigned)((unsigned long long)a * b >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
	return (unsigned long long)((unsigned __int128)a * b >> 64);
}

template <typename To, typename From> static inline To emulated_bits(From x)
{
	To out;
	static_assert(sizeof out == sizeof x);
	memcpy(&out, &x, sizeof out);
	return out;
}
static inline unsigned __float_as_uint(float x)
{
	return emulated_bits<unsigned>(x);
}
static inline int __float_as_int(float x)
{
	return emulated_bits<int>(x);
}
static inline float __uint_as_float(unsigned x)
{
	return emulated_bits<float>(x);
}
static inline float __int_as_float(int x)
{
	return emulated_bits<float>(x);
}
static inline long long __double_as_longlong(double x)
{
	return emulated_bits<long long>(x);
}
static inline double __longlong_as_double(long long x)
{
	return emulated_bits<double>(x);
}

/* Rounded to the nearest, never fused: compiled with -ffp-contract=off. */
static inline float __fadd_rn(float a, float b)
{
	return a + b;
}
static inline float __fsub_rn(float a, float b)
{
	return a - b;
}
static inline float __fmul_rn(float a, float b)
{
	return a * b;
}
static inline float __fdiv_rn(float a, float b)
{
	return a / b;
}
static inline float __fsqrt_rn(float a)
{
	return sqrtf(a);
}
static inline float __fmaf_rn(float a, float b, float c)
{
	return fmaf(a, b, c);
}
static inline double __dadd_rn(double a, double b)
{
	return a + b;
}
static inline double __dmul_rn(double a, double b)
{
	return a * b;
}
static inline float rsqrtf(float a)
{
	return 1.0f / sqrtf(a);
}

template <typename T> static inline T __ldg(const T *address)
{
	return *address;
}

/* Of floats the one that is a number, as fminf() has it. */
template <typename A, typename B> static constexpr inline std::common_type_t<A, B> min(A a, B b)
{
	using T = std::common_type_t<A, B>;
	if constexpr (std::is_floating_point_v<T>)
		return std::fmin((T)a, (T)b);
	else
		return (T)b < (T)a ? (T)b : (T)a;
}
template <typename A, typename B> static constexpr inline std::common_type_t<A, B> max(A a, B b)
{
	using T = std::common_type_t<A, B>;
	if constexpr (std::is_floating_point_v<T>)
		return std::fmax((T)a, (T)b);
	else
		return (T)a < (T)b ? (T)b : (T)a;
}

#endif
