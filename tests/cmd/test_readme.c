/*
 * Every command that README.md shows is run, as it is written, in an empty folder that has the program, the
 * experiments and the plots beside it. Commands are the lines of ```sh blocks. `make ...` is left to CI, and
 * what needs a package manager or the network is left out; simulations after a "# long" comment are
 * shortened. CIFAR-10 is played by noise in its files' layout.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/mem.h"
#include "registry.h"
#include "tests/support/process.h"

enum { TEXT_SIZE = 1 << 17 };

static char readme[TEXT_SIZE];

static bool starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

static bool elsewhere(const char *line)
{
	return starts(line, "make") || starts(line, "sudo") || starts(line, "git ") || starts(line, "apt") ||
	       strstr(line, "data fetch") || starts(line, "cd ") || starts(line, "#") || line[0] == 0;
}

/* A folder that looks like the project's, to one who types README's commands. */
static void make_place(char *folder)
{
	char command[PATH_MAX * 5 + 128], root[PATH_MAX];
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_not_null(realpath(".", root));
	char program[PATH_MAX];
	cr_assert_not_null(realpath(program_path(), program));
	snprintf(command, sizeof command,
	         "cd %s && cp %s signsgd && cp -r %s/experiments %s/plots %s/tests . && mkdir -p docs",
	         folder, program, root, root, root);
	cr_assert_eq(system(command), 0);
}

enum { RECORD = 3073, RECORDS = 10000, CIFAR_FILES = 6 };

/* CIFAR-10's files where a cache would have them: any bytes, labels 0 to 9 in turn. */
static void make_cifar(const char *folder)
{
	static const char *const names[CIFAR_FILES] = {"data_batch_1", "data_batch_2", "data_batch_3",
	                                               "data_batch_4", "data_batch_5", "test_batch"};
	char path[PATH_MAX];
	uint8_t *bytes = mem_array(RECORDS, RECORD);
	for (size_t i = 0; i < (size_t)RECORDS * RECORD; i++)
		bytes[i] = i % RECORD == 0 ? (uint8_t)(i / RECORD % 10) : (uint8_t)(i * 2654435761u >> 24);
	snprintf(path, sizeof path, "mkdir -p %s/cache/signsgd/cifar-10-batches-bin", folder);
	cr_assert_eq(system(path), 0);
	for (int f = 0; f < CIFAR_FILES; f++) {
		snprintf(path, sizeof path, "%s/cache/signsgd/cifar-10-batches-bin/%s.bin", folder, names[f]);
		FILE *file = fopen(path, "wb");
		cr_assert_not_null(file);
		cr_assert_eq(fwrite(bytes, RECORD, RECORDS, file), RECORDS);
		fclose(file);
	}
	mem_free(bytes);
}

/* What makes a simulation short; a figure of whole epochs needs its epochs. */
static const char *shorter(const char *line)
{
	static const char *const ways[][2] = {
	        {"fig2", " --set data.train=320 --set data.test=64"},
	        {"fig3", " --steps 3 --set data.train=640 --set data.test=64"},
	        {"fig7", " --steps 3 --set data.train=896 --set data.test=64 --set eval.train=64"},
	        {"", " --steps 3"},
	};
	size_t i = 0;
	while (!strstr(line, ways[i][0]))
		i++;
	return ways[i][1];
}

static void run_line(const char *folder, const char *line, bool is_long)
{
	char command[8192], log[PATH_MAX];
	static char said[1 << 16];
	snprintf(log, sizeof log, "%s/said", folder);
	bool shorten = is_long && strstr(line, "simulate");
	snprintf(command, sizeof command, "cd %s && export XDG_CACHE_HOME=%s/cache && exec >said 2>&1; %s%s",
	         folder, folder, line, shorten ? shorter(line) : "");
	int status = system(command);
	cr_expect_eq(status, 0, "exit %d of: %s\n%s", WEXITSTATUS(status), line,
	             file_text(log, said, sizeof said));
}

static bool mpirun_here(void)
{
	return system("command -v mpirun >/dev/null") == 0;
}

Test(readme, every_command_works, .timeout = 600)
{
	char folder[] = "/tmp/signsgd-readme-XXXXXX", *save = NULL;
	bool inside = false, is_long = false;
	int count = 0;
	file_text("README.md", readme, sizeof readme);
	make_place(folder);
	make_cifar(folder);
	setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
	setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
	setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
	for (char *line = strtok_r(readme, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (starts(line, "```")) {
			inside = starts(line, "```sh");
			is_long = false;
			continue;
		}
		if (inside && starts(line, "# long"))
			is_long = true;
		if (!inside || elsewhere(line))
			continue;
		bool wants_data = strstr(line, "fashion") || strstr(line, "shakespeare");
		if (is_long && wants_data && !getenv("SIGNSGD_DATA")) {
			printf("skipped: no data folder for: %s\n", line);
			continue;
		}
		if (starts(line, "mpirun") && (!family_find(&family_transports, "mpi") || !mpirun_here())) {
			printf("skipped: no MPI for: %s\n", line);
			continue;
		}
		run_line(folder, line, is_long);
		count++;
	}
	folder_remove(folder);
	cr_expect_gt(count, 10, "%d commands found", count);
}
