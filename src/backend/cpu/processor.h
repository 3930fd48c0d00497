/* What this processor has. Vectors count as there only if the operating system saves their registers, too. */
#ifndef SIGNSGD_BACKEND_CPU_PROCESSOR_H
#define SIGNSGD_BACKEND_CPU_PROCESSOR_H

#include <stdbool.h>

bool processor_has_avx2(void);
bool processor_has_fma(void);    /* and AVX2 */
bool processor_has_avx512(void); /* F, BW, DQ and VL */

#endif
