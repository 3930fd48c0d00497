/*
 * The door to cuBLAS and cuDNN: which files are taken for them, and what is said of what cannot be one. Told
 * by `version --devices`, which opens both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cli.h"

static void open_folder(void)
{
	cli_open();
	setenv("SIGNSGD_CUDA_PATH", cli_folder, 1);
}

TestSuite(cuda_libraries, .init = open_folder, .fini = cli_close);

/* A library of this name with the functions that the code has. */
static void library(const char *name, const char *code)
{
	cli_write("library.c", code);
	cr_assert(process_shell("mkdir -p $(dirname %s/%s) && cc -shared -fPIC -o %s/%s %s/library.c",
	                        cli_folder, name, cli_folder, name, cli_folder));
}

static void expect_told(const char *part)
{
	cr_assert_eq(cli("version --devices"), 0, "%s", cli_err);
	cli_unbroken();
	cr_expect_not_null(strstr(cli_out, part), "expected \"%s\", found %s", part, cli_out);
}

#define CUBLAS_FUNCTIONS                                                                                     \
	"int cublasCreate_v2(void) { return 0; } int cublasDestroy_v2(void) { return 0; }"                   \
	"int cublasSetStream_v2(void) { return 0; } int cublasSetWorkspace_v2(void) { return 0; }"           \
	"int cublasGemmEx(void) { return 0; }"

/* Opening it would wait for a writer. */
Test(cuda_libraries, a_fifo_is_none)
{
	cr_assert(process_shell("mkfifo %s/libcublas.so.13", cli_folder));
	library("libcublas.so.12",
	        CUBLAS_FUNCTIONS "int cublasGetProperty(int w, int *v) { *v = 12; return 0; }");
	expect_told("12.12.12");
}

Test(cuda_libraries, one_of_pip_is_found_below_its_folder)
{
	library("nvidia/cublas/lib/libcublas.so.12",
	        CUBLAS_FUNCTIONS "int cublasGetProperty(int i, int *v) { *v = i ? i + 3 : 12; return 0; }");
	expect_told("12.4.5 (");
	expect_told("/nvidia/cublas/lib/libcublas.so.12)");
}

Test(cuda_libraries, a_newer_one_of_the_same_folder_is_taken)
{
	library("libcublas.so.11",
	        CUBLAS_FUNCTIONS "int cublasGetProperty(int i, int *v) { *v = 11 + 0 * i; return 0; }");
	library("libcublas.so.13",
	        CUBLAS_FUNCTIONS "int cublasGetProperty(int i, int *v) { *v = 13 + 0 * i; return 0; }");
	expect_told("13.13.13 (");
}

Test(cuda_libraries, a_wrong_version_is_named)
{
	library("libcublas.so.13",
	        CUBLAS_FUNCTIONS "int cublasGetProperty(int i, int *v) { *v = i ? 2 : 10; return 0; }");
	expect_told("libcublas.so.13), expected 11 to 13");
	expect_told("cuBLAS is of the wrong version: found 10.2.2 (");
}

Test(cuda_libraries, one_that_does_not_say_its_version_is_named)
{
	library("libcublas.so.13",
	        CUBLAS_FUNCTIONS "int cublasGetProperty(int i, int *v) { return 7 + i + !v; }");
	expect_told("libcublas.so.13) does not say its version");
}

Test(cuda_libraries, a_missing_function_is_named)
{
	library("libcublas.so.13", "int cublasCreate_v2(void) { return 0; }");
	library("libcudnn.so.9", "unsigned long cudnnGetVersion(void) { return 91900; }");
	expect_told("libcublas.so.13) has no function cublasDestroy_v2");
	expect_told("libcudnn.so.9) has no function cudnnGetErrorString");
}

/* Without the other, each is opened. */
Test(cuda_libraries, a_broken_file_does_not_hide_what_comes_behind_it)
{
	library("later/libcublas.so.13",
	        CUBLAS_FUNCTIONS "int cublasGetProperty(int i, int *v) { *v = 13 + 0 * i; return 0; }");
	cli_write("libcublas.so.13", "no library\n");
	char path[2 * FOLDER_SIZE + 16];
	snprintf(path, sizeof(path), "%s::%s/later", cli_folder, cli_folder);
	setenv("SIGNSGD_CUDA_PATH", path, 1);
	expect_told("13.13.13 (");
}
