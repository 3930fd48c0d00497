/* Looking for cuBLAS and cuDNN and opening them: see library.h. */
#include "backend/cuda/library.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char folders_named[] = "SIGNSGD_CUDA_PATH";

/* Below a folder: nothing, and where the packages of pip put the libraries (site-packages). */
static const char *const below[] = {"", "/nvidia/cublas/lib", "/nvidia/cudnn/lib", "/nvidia/cu13/lib"};

/* A function of a library, by its name there, for a member of its table. */
struct function {
	const char *name;
	void *member;
};

/* A library, and what became of it. */
struct library {
	const char *name;     /* for sentences */
	const char *files[4]; /* newest first, up to NULL */
	const struct function *functions;
	size_t count;
	/* Sets the version's text. false and a sentence: it is none that we know. */
	bool (*know)(struct library *l);

	void *handle;
	bool open;
	char version[32], file[PATH_MAX];
	struct err why; /* not open */
};

/* Opening what is no file (a FIFO) may wait for ever. */
static bool is_file(const char *path)
{
	struct stat s;
	return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

/* Opens the file if it is there. A file that is there and cannot be opened is worth a sentence, unless
 * another one can. */
static bool open_file(struct library *l, const char *file)
{
	if (strchr(file, '/') && !is_file(file))
		return false;
	l->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	if (l->handle)
		snprintf(l->file, sizeof(l->file), "%s", file);
	else if (strchr(file, '/'))
		err_world(&l->why, "%s could not be opened: %s", l->name, dlerror());
	return l->handle != NULL;
}

static bool open_in(struct library *l, const char *folder, int length)
{
	char file[PATH_MAX];
	for (size_t b = 0; b < sizeof(below) / sizeof(below[0]); b++)
		for (const char *const *name = l->files; *name; name++)
			if (snprintf(file, sizeof(file), "%.*s%s/%s", length, folder, below[b], *name) <
			            (int)sizeof(file) &&
			    open_file(l, file))
				return true;
	return false;
}

static bool open_somewhere(struct library *l)
{
	const char *folder = getenv(folders_named);
	while (folder && *folder) {
		const char *end = strchrnul(folder, ':');
		if (end > folder && open_in(l, folder, (int)(end - folder)))
			return true;
		folder = *end ? end + 1 : end;
	}
	for (const char *const *name = l->files; *name; name++)
		if (open_file(l, *name))
			return true;
	err_world(&l->why,
	          "%s was not found: %s is neither where the loader looks nor in a folder that %s names",
	          l->name, l->files[0], folders_named);
	return false;
}

/* ISO C has no cast from an object's address to a function's. */
static bool find_functions(struct library *l)
{
	for (size_t i = 0; i < l->count; i++) {
		void *found = dlsym(l->handle, l->functions[i].name);
		Dl_info info;
		if (!found) {
			err_world(&l->why, "%s (%s) has no function %s", l->name, l->file,
			          l->functions[i].name);
			return false;
		}
		if (i == 0 && dladdr(found, &info) && info.dli_fname) /* the loader may have found it */
			snprintf(l->file, sizeof(l->file), "%s", info.dli_fname);
		memcpy(l->functions[i].member, &found, sizeof(found));
	}
	return true;
}

static void open_library(struct library *l)
{
	if (!open_somewhere(l))
		return;
	err_clear(&l->why);
	l->open = find_functions(l) && l->know(l);
}

static bool version_between(struct library *l, int version, int first, int last, const char *expected)
{
	if (version >= first && version < last)
		return true;
	err_world(&l->why, "%s is of the wrong version: found %s (%s), expected %s", l->name, l->version,
	          l->file, expected);
	return false;
}

static struct cublas cublas;
static const struct function cublas_functions[] = {
        {"cublasCreate_v2", &cublas.create},
        {"cublasDestroy_v2", &cublas.destroy},
        {"cublasGetProperty", &cublas.property},
        {"cublasSetStream_v2", &cublas.set_stream},
        {"cublasSetWorkspace_v2", &cublas.set_workspace},
        {"cublasGemmEx", &cublas.gemm},
};

static bool know_cublas(struct library *l)
{
	int part[3] = {0};
	for (int which = CUBLAS_MAJOR; which <= CUBLAS_PATCH; which++)
		if (cublas.property(which, &part[which]) != CUBLAS_OK) {
			err_world(&l->why, "%s (%s) does not say its version", l->name, l->file);
			return false;
		}
	snprintf(l->version, sizeof(l->version), "%d.%d.%d", part[0], part[1], part[2]);
	return version_between(l, part[0], 11, 14, "11 to 13");
}

static struct cudnn cudnn;
static const struct function cudnn_functions[] = {
        {"cudnnGetVersion", &cudnn.version},
        {"cudnnGetErrorString", &cudnn.word},
        {"cudnnCreate", &cudnn.create},
        {"cudnnDestroy", &cudnn.destroy},
        {"cudnnSetStream", &cudnn.set_stream},
        {"cudnnCreateTensorDescriptor", &cudnn.tensor_create},
        {"cudnnDestroyTensorDescriptor", &cudnn.tensor_destroy},
        {"cudnnSetTensor4dDescriptor", &cudnn.tensor_set},
        {"cudnnCreateFilterDescriptor", &cudnn.filter_create},
        {"cudnnDestroyFilterDescriptor", &cudnn.filter_destroy},
        {"cudnnSetFilter4dDescriptor", &cudnn.filter_set},
        {"cudnnCreateConvolutionDescriptor", &cudnn.conv_create},
        {"cudnnDestroyConvolutionDescriptor", &cudnn.conv_destroy},
        {"cudnnSetConvolution2dDescriptor", &cudnn.conv_set},
        {"cudnnSetConvolutionMathType", &cudnn.conv_set_math},
        {"cudnnSetConvolutionGroupCount", &cudnn.conv_set_groups},
        {"cudnnCreateActivationDescriptor", &cudnn.activation_create},
        {"cudnnDestroyActivationDescriptor", &cudnn.activation_destroy},
        {"cudnnSetActivationDescriptor", &cudnn.activation_set},
        {"cudnnGetConvolutionForwardAlgorithm_v7", &cudnn.forward_choices},
        {"cudnnGetConvolutionBackwardDataAlgorithm_v7", &cudnn.data_choices},
        {"cudnnGetConvolutionBackwardFilterAlgorithm_v7", &cudnn.filter_choices},
        {"cudnnGetConvolutionForwardWorkspaceSize", &cudnn.forward_workspace},
        {"cudnnGetConvolutionBackwardDataWorkspaceSize", &cudnn.data_workspace},
        {"cudnnGetConvolutionBackwardFilterWorkspaceSize", &cudnn.filter_workspace},
        {"cudnnConvolutionForward", &cudnn.forward},
        {"cudnnConvolutionBackwardData", &cudnn.data},
        {"cudnnConvolutionBackwardFilter", &cudnn.filter},
        {"cudnnConvolutionBiasActivationForward", &cudnn.fused},
        {"cudnnBatchNormalizationForwardTraining", &cudnn.norm},
        {"cudnnBatchNormalizationBackward", &cudnn.norm_back},
};

/* cuDNN 8 counts 8904 for 8.9.4, cuDNN 9 counts 91900 for 9.19.0. */
static bool know_cudnn(struct library *l)
{
	int v = (int)cudnn.version(), base = v < 90000 ? 1000 : 10000;
	int major = v / base, minor = v % base / 100;
	snprintf(l->version, sizeof(l->version), "%d.%d.%d", major, minor, v % 100);
	return version_between(l, 100 * major + minor, 809, 1000, "8.9 or 9");
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
static struct library cublas_library = {.name = "cuBLAS",
                                        .files = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11"},
                                        .functions = cublas_functions,
                                        .count = COUNT(cublas_functions),
                                        .know = know_cublas};
static struct library cudnn_library = {.name = "cuDNN",
                                       .files = {"libcudnn.so.9", "libcudnn.so.8"},
                                       .functions = cudnn_functions,
                                       .count = COUNT(cudnn_functions),
                                       .know = know_cudnn};

static void open_cublas(void)
{
	open_library(&cublas_library);
}

static void open_cudnn(void)
{
	open_library(&cudnn_library);
}

static const struct library *cublas_opened(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_cublas);
	return &cublas_library;
}

static const struct library *cudnn_opened(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_cudnn);
	return &cudnn_library;
}

/* Its table, or NULL and the sentence. */
static const void *table_of(const struct library *l, const void *table, struct err *e)
{
	if (!l->open)
		err_world(e, "%s", l->why.text);
	return l->open ? table : NULL;
}

const struct cublas *library_cublas(struct err *e)
{
	return table_of(cublas_opened(), &cublas, e);
}

const struct cudnn *library_cudnn(struct err *e)
{
	return table_of(cudnn_opened(), &cudnn, e);
}

const struct cublas *cublas_must_be_there(void)
{
	if (!cublas_opened()->open)
		die("%s", cublas_library.why.text);
	return &cublas;
}

const struct cudnn *cudnn_must_be_there(void)
{
	if (!cudnn_opened()->open)
		die("%s", cudnn_library.why.text);
	return &cudnn;
}

static void describe(const struct library *l, size_t size, char text[])
{
	if (l->open)
		snprintf(text, size, "%s (%s)", l->version, l->file);
	else
		snprintf(text, size, "%s", l->why.text);
}

void library_cublas_text(size_t size, char text[])
{
	describe(cublas_opened(), size, text);
}

void library_cudnn_text(size_t size, char text[])
{
	describe(cudnn_opened(), size, text);
}

void cublas_check(cublas_status status, const char *what)
{
	if (status != CUBLAS_OK)
		die("cuBLAS cannot %s (status %d)", what, status);
}

void cudnn_check(cudnn_status status, const char *what)
{
	if (status != CUDNN_OK)
		die("cuDNN cannot %s: %s (status %d)", what, cudnn.word(status), status);
}
