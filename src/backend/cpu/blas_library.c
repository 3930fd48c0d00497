/* Opening OpenBLAS with the kernels that this processor deserves. */
#include "backend/cpu/blas_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "backend/cpu/processor.h"
#include "base/err.h"
#include "base/mem.h"

#ifndef SIGNSGD_BLAS
#error "the Makefile found no shared libopenblas to open at run time"
#endif

enum {
	CORE_BYTES = 32,
	LIBRARY_MIB = 64, /* of addresses, for itself and what it is linked to */
	BUFFER_MIB = 136  /* of addresses, for one call: 128 as distributions build it, and a page or two */
};

/* The library while it is open. The pair of functions for buffers is exported, but in no header. */
static struct {
	void *handle;
	__typeof__(openblas_get_corename) *core;
	void *(*take_buffer)(int kind);
	void (*give_buffer)(void *buffer);
	struct blas_library shown;
} library;

/* Kernels by the names that OpenBLAS gives them, for each width of vectors. */
static const char *const cores_512[] = {"SkylakeX", "Cooperlake", "SapphireRapids", "Zen5", NULL};
static const char *const cores_256[] = {"Haswell", "Zen", NULL};

static bool among(const char *core, const char *const *names)
{
	for (; *names; names++)
		if (strcasecmp(core, *names) == 0)
			return true;
	return false;
}

/* Vectors are held to 32 bytes, and the library with them: it is what our own kernels are measured by. */
static bool is_held(void)
{
	const char *level = getenv("SIGNSGD_CPU");
	return level && strcmp(level, "avx2") == 0;
}

/* What OPENBLAS_CORETYPE should say on this processor; NULL: nobody but the library knows. */
static const char *best_core(void)
{
	if (processor_has_avx512() && !is_held())
		return cores_512[0];
	if (processor_has_fma())
		return cores_256[0];
	return NULL;
}

static bool core_fits(const char *core)
{
	const char *best = best_core();
	return !best || among(core, among(best, cores_512) ? cores_512 : cores_256);
}

/* Of functions; ISO C has no cast from an object's address. */
static void find(const char *name, void *function, bool must)
{
	void *found = dlsym(library.handle, name);
	if (!found && must)
		die("OpenBLAS: %s has no function %s", SIGNSGD_BLAS, name);
	memcpy(function, &found, sizeof(found));
}

/* A variable of the environment, with its value put back later. */
struct variable {
	const char *name;
	char *before;
};

static struct variable variable_set(const char *name, const char *value)
{
	const char *before = getenv(name);
	struct variable v = {name, before ? mem_string(before) : NULL};
	setenv(name, value, 1);
	return v;
}

static void variable_restore(struct variable *v)
{
	if (v->before)
		setenv(v->name, v->before, 1);
	else
		unsetenv(v->name);
	mem_free(v->before);
}

/* core: what to call this processor; NULL: what the environment says, or the library's guess. */
static void open_as(const char *core)
{
	struct variable threads = variable_set("OPENBLAS_NUM_THREADS", "1"), type = {0};
	if (core)
		type = variable_set("OPENBLAS_CORETYPE", core);
	library.handle = dlopen(SIGNSGD_BLAS, RTLD_NOW | RTLD_LOCAL);
	if (core)
		variable_restore(&type);
	variable_restore(&threads);
	if (!library.handle)
		die("OpenBLAS: %s", dlerror());
	find("openblas_get_corename", &library.core, true);
	find("cblas_sgemm", &library.shown.sgemm, true);
	find("blas_memory_alloc", &library.take_buffer, false);
	find("blas_memory_free", &library.give_buffer, false);
}

/* The configuration text is "OpenBLAS VERSION OPTION ... CORE ..."; the version is of interest. */
static void set_name(const char *passed_over)
{
	static char name[128];
	__typeof__(openblas_get_config) *get_config;
	find("openblas_get_config", &get_config, true);
	const char *config = get_config(), *space = strchr(config, ' ');
	int length = space ? (int)strcspn(space + 1, " ") : 0;
	snprintf(name, sizeof(name), "OpenBLAS %.*s (%s%s%s)", length, space ? space + 1 : "", library.core(),
	         *passed_over ? ", after " : "", passed_over);
	library.shown.name = name;
}

static void set_slow(void)
{
	static char text[200];
	if (core_fits(library.core()))
		return;
	snprintf(text, sizeof(text),
	         "matrix products are slow: this OpenBLAS has the kernels of %s, found no better with "
	         "OPENBLAS_CORETYPE=%s; another build of it would be faster",
	         library.core(), best_core());
	library.shown.slow = text;
}

/* Small whole numbers, whose products have sums that are exact in any order. */
static float whole(size_t i)
{
	return (float)(i * 7 % 13) - 6;
}

/*
 * Does it multiply? Some builds of the library have kernels that are wrong on some processors, and then its
 * guess, or who set OPENBLAS_CORETYPE, had a reason.
 */
static bool multiplies(void)
{
	enum { M = 33, N = 65, K = 130 };
	float *a = mem_array(M * K, sizeof(*a)), *b = mem_array(K * N, sizeof(*b)),
	      *c = mem_array(M * N, sizeof(*c));
	size_t wrong = 0;
	for (size_t i = 0; i < M * K; i++)
		a[i] = whole(i);
	for (size_t i = 0; i < K * N; i++)
		b[i] = whole(i + 5);
	library.shown.sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, M, N, K, 1, a, K, b, N, 0, c, N);
	for (size_t i = 0; i < M; i++)
		for (size_t j = 0; j < N; j++) {
			float sum = 0;
			for (size_t k = 0; k < K; k++)
				sum += a[i * K + k] * b[k * N + j];
			wrong += sum != c[i * N + j];
		}
	mem_free(a);
	mem_free(b);
	mem_free(c);
	return wrong == 0;
}

/* Open it again with better kernels, if there are any that compute right. Were there? */
static bool improve(const char *worse)
{
	dlclose(library.handle);
	open_as(best_core());
	if (strcasecmp(library.core(), worse) == 0)
		return false;
	if (multiplies())
		return true;
	dlclose(library.handle);
	open_as(NULL);
	return false;
}

/* Would the system give this much memory now? */
static bool is_there(int mib)
{
	size_t bytes = (size_t)mib << 20;
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	munmap(p, bytes);
	return true;
}

static void open_library(void)
{
	char guess[CORE_BYTES];
	__typeof__(openblas_set_num_threads) *set_threads;
	/* Newer versions take a buffer already while they are opened, and would wait for ever for it. */
	if (!is_there(LIBRARY_MIB + BUFFER_MIB))
		die("memory: the system refused %d MiB for OpenBLAS and its first buffer",
		    LIBRARY_MIB + BUFFER_MIB);
	open_as(NULL);
	snprintf(guess, sizeof(guess), "%s", library.core());
	bool improved = !core_fits(guess) && improve(guess);
	find("openblas_set_num_threads", &set_threads, true);
	set_threads(1); /* a build with OpenMP asks another variable */
	set_name(improved ? guess : "");
	set_slow();
}

const struct blas_library *blas_library(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_library);
	return &library.shown;
}

void blas_library_reserve(int lanes)
{
	blas_library();
	if (!library.take_buffer || !library.give_buffer)
		return;
	void **taken = mem_array((size_t)lanes, sizeof(*taken));
	for (int i = 0; i < lanes; i++) {
		if (!is_there(BUFFER_MIB))
			die("memory: the system refused %d MiB for OpenBLAS's buffer %d of %d; fewer --lanes "
			    "need less",
			    BUFFER_MIB, i + 1, lanes);
		taken[i] = library.take_buffer(0);
	}
	for (int i = 0; i < lanes; i++)
		library.give_buffer(taken[i]);
	mem_free(taken);
}
