/* What src/transport/nccl/library.h says of NCCL, against its header, where that is: a compiler reads both.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/cli.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A member of the table and the function that it stands for. */
static const char *const functions[][2] = {
        {"version", "ncclGetVersion"},
        {"make_id", "ncclGetUniqueId"},
        {"word", "ncclGetErrorString"},
        {"last", "ncclGetLastError"},
        {"open", "ncclCommInitRankConfig"},
        {"state", "ncclCommGetAsyncError"},
        {"finalize", "ncclCommFinalize"},
        {"destroy", "ncclCommDestroy"},
        {"abort", "ncclCommAbort"},
        {"begin", "ncclGroupStart"},
        {"end", "ncclGroupEnd"},
        {"send", "ncclSend"},
        {"receive", "ncclRecv"},
        {"broadcast", "ncclBroadcast"},
        {"gather", "ncclAllGather"},
        {"reduce", "ncclAllReduce"},
};

/* Our types and theirs. */
static const char *const types[][2] = {
        {"nccl_result", "ncclResult_t"}, {"nccl_type", "ncclDataType_t"}, {"nccl_operation", "ncclRedOp_t"},
        {"nccl_comm", "ncclComm_t"},     {"nccl_id", "ncclUniqueId"},     {"nccl_config", "ncclConfig_t"},
};

static const char *const values[][2] = {
        {"NCCL_OK", "ncclSuccess"},  {"NCCL_IN_PROGRESS", "ncclInProgress"},
        {"NCCL_BYTES", "ncclUint8"}, {"NCCL_FLOATS", "ncclFloat32"},
        {"NCCL_SUM", "ncclSum"},
};

static const char folders[] = "${CUDA_HOME:+-isystem $CUDA_HOME/include} -isystem /usr/local/cuda/include";

TestSuite(nccl_library, .init = cli_open, .fini = cli_close);

static bool compiles(const char *code, const char *more)
{
	cli_write("code.c", code);
	return process_shell(
	        "cc -std=gnu11 -Wall -Werror -Wno-enum-compare -fsyntax-only -I. -Isrc %s %s/code.c %s",
	        folders, cli_folder, more);
}

static bool header_is_here(struct buf *code)
{
	buf_add(code, "#include <limits.h>\n#include <stddef.h>\n#include <nccl.h>\n");
	if (compiles(code->text, "2>/dev/null"))
		return true;
	printf("skipped: the header of NCCL is not here\n");
	return false;
}

/* With its types in the place of ours, a member is a pointer to the function. C says nothing of the
 * parameters of ncclGroupStart() and ncclGroupEnd(), which a prototype without any is compatible with. */
Test(nccl_library, functions_have_the_types_of_the_header)
{
	struct buf code = {0};
	if (header_is_here(&code)) {
		buf_add(&code, "#define NCCL_LIBRARY_TYPES\n");
		for (size_t i = 0; i < COUNT(types); i++)
			buf_format(&code, "typedef %s %s;\n", types[i][1], types[i][0]);
		buf_add(&code, "#include \"transport/nccl/library.h\"\n");
		for (size_t i = 0; i < COUNT(functions); i++)
			buf_format(&code,
			           "_Static_assert(__builtin_types_compatible_p(__typeof__(((struct nccl "
			           "*)0)->%s), __typeof__(&%s)), \"%s\");\n",
			           functions[i][0], functions[i][1], functions[i][1]);
		cr_expect(compiles(code.text, ""));
	}
	buf_clear(&code);
}

/* Ours are passed as theirs are, values are equal, and what we fill of the configuration begins as theirs. */
Test(nccl_library, types_and_values_are_those_of_the_header)
{
	struct buf code = {0};
	if (header_is_here(&code)) {
		static const char *const members[] = {"size", "magic", "version", "blocking"};
		buf_add(&code, "#include \"transport/nccl/library.h\"\n");
		for (size_t i = 0; i + 1 < COUNT(types); i++)
			buf_format(&code, "_Static_assert(sizeof(%s) == sizeof(%s), \"%s\");\n", types[i][0],
			           types[i][1], types[i][0]);
		for (size_t i = 0; i < COUNT(values); i++)
			buf_format(&code, "_Static_assert((int)(%s) == (int)%s, \"%s\");\n", values[i][0],
			           values[i][1], values[i][1]);
		for (size_t i = 0; i < COUNT(members); i++)
			buf_format(&code,
			           "_Static_assert(offsetof(nccl_config, %s) == offsetof(ncclConfig_t, %s), "
			           "\"%s\");\n",
			           members[i], members[i], members[i]);
		buf_add(&code, "_Static_assert(sizeof(nccl_config) <= sizeof(ncclConfig_t), \"size\");\n"
		               "static const ncclConfig_t theirs = NCCL_CONFIG_INITIALIZER;\n"
		               "int main(void) { return theirs.magic != NCCL_CONFIG_MAGIC; }\n");
		cr_expect(compiles(code.text, ""));
		cr_expect(process_shell("cc -std=gnu11 -w -I. -Isrc %s %s/code.c -o %s/code && %s/code",
		                        folders, cli_folder, cli_folder, cli_folder));
	}
	buf_clear(&code);
}
