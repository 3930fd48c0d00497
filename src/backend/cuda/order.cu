/*
 * Order statistics over rows (backend/rules.h), a thread a coordinate. The sort is Batcher's merge exchange
 * (Knuth, The Art of Computer Programming, volume 3, Algorithm 5.2.2M), as the host does it, so that equal
 * numbers (0 and -0) come to stand in the same order: up to 32 values in registers, more in memory.
 */
#include "backend/cuda/rules.cuh"

enum { ORDER_THREADS = 128 };

template <class T> static __device__ inline void exchange(T &low, T &high)
{
	T a = low, b = high;
	low = a < b ? a : b;
	high = a < b ? b : a;
}

/* The rest of the network for N values from this stage on. */
template <int N, int P, int Q, int R, int D, class T> static __device__ inline void exchange_all(T (&v)[N])
{
#pragma unroll
	for (int i = 0; i < N - D; i++)
		if ((i & P) == R)
			exchange(v[i], v[i + D]);
	if constexpr (Q > P)
		exchange_all<N, P, Q / 2, P, Q - P>(v);
	else if constexpr (P > 1)
		exchange_all<N, P / 2, N / 2, 0, P / 2>(v);
}

template <class T>
static __device__ inline T value_at(const struct rules_row *x, int k, struct rules_piece p, size_t i)
{
	return (T)rules_at(x[k], DEVICE_AT((const char *)x[k].at), p.first, i);
}

/* The sorted values of a coordinate. */
template <class T> struct column {
	const T *sorted;
	size_t stride;
	int n;
	__device__ double at(int k) const
	{
		return sorted[(size_t)k * stride];
	}
	__device__ double median() const
	{
		return n % 2 ? at(n / 2) : 0.5 * (at(n / 2 - 1) + at(n / 2));
	}
};

template <class T> static __device__ inline double middle(const struct column<T> &c, int take)
{
	int cut = (c.n - take) / 2;
	double sum = 0;
	for (int k = cut; k < cut + take; k++)
		sum += c.at(k);
	return sum / take;
}

/* As aggregator/around.c. */
template <class T>
static __device__ inline double around(const struct column<T> &c, int take, const struct rules_row *x,
                                       struct rules_piece p, size_t i)
{
	double median = c.median(), sum = 0;
	int low = 0, high = c.n - 1, edge = take;
	while (high - low >= take)
		if (median - c.at(low) > c.at(high) - median)
			low++;
		else
			high--;
	double reach = fmax(median - c.at(low), c.at(high) - median);
	for (int k = 0; k < c.n; k++)
		edge -= fabs((double)value_at<T>(x, k, p, i) - median) < reach;
	for (int k = 0; k < c.n; k++) {
		double value = value_at<T>(x, k, p, i), away = fabs(value - median);
		if (away < reach || (away == reach && edge-- > 0))
			sum += value;
	}
	return sum / take;
}

template <class T>
static __device__ inline double statistic(const struct column<T> &c, struct rules_order what,
                                          const struct rules_row *x, struct rules_piece p, size_t i)
{
	if (what.kind == RULES_MEDIAN)
		return c.median();
	return what.kind == RULES_MIDDLE ? middle(c, what.take) : around(c, what.take, x, p, i);
}

/* What is written: floats of a whole vector, or doubles of the piece. */
struct order_out {
	float *floats;
	double *doubles;
};

static __device__ inline void write(const struct order_out &out, struct rules_piece p, size_t i, double x)
{
	if (out.floats)
		((float *)DEVICE_AT(out.floats))[p.first + i] = (float)x;
	else
		((double *)DEVICE_AT(out.doubles))[i] = x;
}

/* n is in (N / 2, N], so the network for N exchanges the first n as the one for n does. */
template <int N, class T>
static __global__ void order_in_registers(struct rules_piece p, int n, const struct rules_row *x,
                                          struct rules_order what, struct order_out out)
{
	__shared__ T sorted[N][ORDER_THREADS];
	size_t i = cuda_thread();
	if (i >= p.count)
		return;
	T v[N];
#pragma unroll
	for (int k = 0; k < N; k++)
		v[k] = k < n ? value_at<T>(x, k, p, i) : (T)INFINITY;
	exchange_all<N, N / 2, N / 2, 0, N / 2>(v);
#pragma unroll
	for (int k = 0; k < N; k++)
		sorted[k][threadIdx.x] = v[k];
	write(out, p, i, statistic(column<T>{&sorted[0][threadIdx.x], ORDER_THREADS, n}, what, x, p, i));
}

template <class T> static __device__ inline void exchange_in_memory(T *v, size_t stride, int n)
{
	int top = 1;
	while (top < n)
		top *= 2;
	for (int p = top / 2; p > 0; p /= 2)
		for (int q = top / 2, r = 0, d = p; d > 0; d = q - p, q /= 2, r = p)
			for (int i = 0; i < n - d; i++)
				if ((i & p) == r)
					exchange(v[(size_t)i * stride], v[(size_t)(i + d) * stride]);
}

template <class T>
static __global__ void order_in_memory(struct rules_piece p, int n, const struct rules_row *x,
                                       struct rules_order what, T *values, struct order_out out)
{
	size_t i = cuda_thread();
	if (i >= p.count)
		return;
	for (int k = 0; k < n; k++)
		values[(size_t)k * p.count + i] = value_at<T>(x, k, p, i);
	exchange_in_memory(values + i, p.count, n);
	write(out, p, i, statistic(column<T>{values + i, p.count, n}, what, x, p, i));
}

static unsigned order_blocks(struct rules_piece p)
{
	return (unsigned)((p.count + ORDER_THREADS - 1) / ORDER_THREADS);
}

/* By the smallest network that there is for n <= N. */
template <int N, class T>
static void order_few(struct queue *q, struct rules_piece p, int n, const struct rules_row *x,
                      struct rules_order what, struct order_out out)
{
	if constexpr (N > 2) {
		if (n <= N / 2) {
			order_few<N / 2, T>(q, p, n, x, what, out);
			return;
		}
	}
	LAUNCH(q, (order_in_registers<N, T>), order_blocks(p), ORDER_THREADS, p, n, x, what, out);
}

template <class T>
static void order_rows(struct queue *q, struct rules_piece p, int n, const struct rules_row *x,
                       struct rules_order what, void *values, struct order_out out)
{
	if (n <= CUDA_SORTED_AT_ONCE)
		order_few<CUDA_SORTED_AT_ONCE, T>(q, p, n, x, what, out);
	else
		LAUNCH(q, order_in_memory<T>, order_blocks(p), ORDER_THREADS, p, n, x, what, (T *)values,
		       out);
}

static void order_any(struct queue *q, struct rules_piece p, int n, const struct rules_row *x,
                      enum rules_form form, struct rules_order what, void *values, struct order_out out)
{
	if (form == RULES_FLOATS)
		order_rows<float>(q, p, n, x, what, values, out);
	else
		order_rows<double>(q, p, n, x, what, values, out);
}

void cuda_order(struct queue *q, struct rules_piece p, int n, const struct rules_row *x, enum rules_form form,
                struct rules_order what, void *values, float *to)
{
	order_any(q, p, n, x, form, what, values, {to, NULL});
}

void cuda_median(struct queue *q, struct rules_piece p, int n, const struct rules_row *x,
                 enum rules_form form, void *values, double *to)
{
	order_any(q, p, n, x, form, {RULES_MEDIAN, n}, values, {NULL, to});
}
