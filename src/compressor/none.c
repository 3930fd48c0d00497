/* Compressor `none`: the vector itself, 32 bits a coordinate. */
#include "compressor/compressor.h"

static void none_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
                        float *memory, void *push)
{
	(void)worker, (void)memory;
	job->be->memory->copy(job->queue, (float *)push + begin, v + begin, (end - begin) * sizeof *v);
}

const struct compressor compressor_none = {
        .row = {.name = "none",
                .also = "identity, float, float32, fp32, dense, uncompressed, no_compression",
                .about = "the vector itself, nothing compressed",
                .formula = "v_m, as 32-bit floats. Up: 4 n bytes"},
        .aggregator = "mean",
        .says = MESSAGE_FLOATS,
        .bits = 32,
        .encode = none_encode,
};
