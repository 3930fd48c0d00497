/* Rows of rules (backend/rules.h) in kernels. */
#ifndef SIGNSGD_BACKEND_CUDA_RULES_CUH
#define SIGNSGD_BACKEND_CUDA_RULES_CUH

#include "backend/cuda/kernel.cuh"

/* Coordinate i of the piece. */
static __device__ inline double rules_at(const struct rules_row &row, const void *at, size_t first, size_t i)
{
	if (row.form == RULES_FLOATS)
		return ((const float *)at)[first + i];
	return row.form == RULES_DOUBLES ? ((const double *)at)[i] : 0;
}

#endif
