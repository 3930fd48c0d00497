/* Asking the processor. */
#include "backend/cpu/processor.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"

#if defined(__x86_64__) || defined(__i386__)

bool processor_has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

bool processor_has_fma(void)
{
	return processor_has_avx2() && __builtin_cpu_supports("fma");
}

bool processor_has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

/* The compiler wants each name as a literal. */
#define FEATURE(literal)                                                                                     \
	{                                                                                                    \
		literal, __builtin_cpu_supports(literal) != 0                                                \
	}

static void list_features(char *out, size_t size)
{
	const struct {
		const char *name;
		bool has;
	} list[] = {FEATURE("sse4.2"),
	            FEATURE("popcnt"),
	            FEATURE("avx"),
	            FEATURE("avx2"),
	            FEATURE("fma"),
	            FEATURE("bmi2"),
	            FEATURE("avx512f"),
	            FEATURE("avx512bw"),
	            FEATURE("avx512dq"),
	            FEATURE("avx512vl"),
	            FEATURE("avx512vpopcntdq")};
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i].has)
			snprintf(out + strlen(out), size - strlen(out), "%s%s", *out ? " " : "",
			         list[i].name);
}

#else

bool processor_has_avx2(void)
{
	return false;
}

bool processor_has_fma(void)
{
	return false;
}

bool processor_has_avx512(void)
{
	return false;
}

static void list_features(char *out, size_t size)
{
	(void)out;
	(void)size;
}

#endif

const char *backend_cpu_features(void)
{
	static char text[160];
	text[0] = 0;
	list_features(text, sizeof(text));
	return text;
}
