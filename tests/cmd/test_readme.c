/*
 * Every command that README.md and the documents below docs/ show is run, as it is written, in an empty
 * folder that has the program, the experiments and the plots beside it. Commands are the lines of ```sh
 * blocks. `make ...` is left to CI, and what needs a package manager or the network is left out; simulations
 * after a "# long" comment are shortened. CIFAR-10 is played by noise in its files' layout.
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "base/mem.h"
#include "tests/support/process.h"
#include "tests/support/file.h"
#include "tests/support/mpirun.h"

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
	char command[PATH_MAX * 7 + 128], root[PATH_MAX];
	folder_make(folder);
	cr_assert_not_null(realpath(".", root));
	char program[PATH_MAX];
	cr_assert_not_null(realpath(process_program(), program));
	snprintf(command, sizeof command,
	         "cd %s && cp '%s' signsgd && cp -r '%s/experiments' '%s/plots' '%s/reports' '%s/tests' . && "
	         "mkdir -p "
	         "docs; "
	         "cp '%s'/*.so .; true",
	         folder, program, root, root, root, root, launcher_modules());
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
		file_put(path, bytes, (size_t)RECORD * RECORDS);
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
	        {"fig8", " --seed 1 --steps 1 --set data.train=112 --set data.test=64 --set eval.train=64"},
	        {"directions-cifar", " --steps 2 --set lr.rate=0.001 --set data.train=256 --set data.test=64 "
	                             "--set eval.train=64"},
	        {"directions", " --steps 3 --set lr.rate=0.004"},
	        {"chen", " --seed 1 --steps 1 --set data.train=1000 --set data.test=64"},
	        {"half", " --seed 1 --steps 2 --set data.train=1000"},
	        {"qsgd", " --seed 1 --steps 1 --set data.train=448 --set data.test=64"},
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
	/* MPI keeps memory for the life of the process, which the address sanitizer calls leaks. */
	snprintf(command, sizeof command,
	         "cd %s && export XDG_CACHE_HOME=%s/cache && exec >said 2>&1; %s%s%s", folder, folder,
	         starts(line, "mpirun") ? "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 " : "", line,
	         shorten ? shorter(line) : "");
	int status = system(command);
	cr_expect_eq(status, 0, "exit %d of: %s\n%s", WEXITSTATUS(status), line,
	             file_text(log, said, sizeof said));
}

/* Does the experiment that a line names learn from a set that only a data folder has? CIFAR-10 is made here.
 */
static bool wants_data(const char *line)
{
	static char experiment[1 << 16];
	char path[PATH_MAX];
	const char *at = strstr(line, "experiments/");
	if (!at)
		return false;
	snprintf(path, sizeof path, "%.*s", (int)strcspn(at, " "), at);
	file_text(path, experiment, sizeof experiment);
	return strstr(experiment, "mnist\"") || strstr(experiment, "shakespeare");
}

/* What skipped lines would have made: later lines that read it are skipped too. */
struct unmade {
	char name[16][64];
	size_t count;
};

static void remember(struct unmade *u, const char *line)
{
	const char *out = strstr(line, "--out ");
	cr_assert(out && u->count < sizeof u->name / sizeof *u->name, "%s", line);
	out += strlen("--out ");
	snprintf(u->name[u->count++], sizeof *u->name, " %.*s", (int)strcspn(out, " "), out);
}

static bool reads_unmade(const struct unmade *u, const char *line)
{
	for (size_t i = 0; i < u->count; i++)
		if (strstr(line, u->name[i]))
			return true;
	return false;
}

/* Says so. */
static bool skips(struct unmade *u, const char *line, bool is_long)
{
	if (starts(line, "mpirun") && !mpirun_here()) {
		printf("skipped: no MPI for: %s\n", line);
		return true;
	}
	bool makes = is_long && !getenv("SIGNSGD_DATA") && strstr(line, "simulate") && wants_data(line);
	if (makes)
		remember(u, line);
	if (!makes && !reads_unmade(u, line))
		return false;
	printf("skipped: no data folder for: %s\n", line);
	return true;
}

/* The commands of one document, in a fresh folder; how many. */
static int run_document(const char *path)
{
	char folder[FOLDER_SIZE], *save = NULL;
	bool inside = false, is_long = false;
	struct unmade unmade = {.count = 0};
	int count = 0;
	file_text(path, readme, sizeof readme);
	make_place(folder);
	make_cifar(folder);
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
		if (skips(&unmade, line, is_long))
			continue;
		run_line(folder, line, is_long);
		count++;
	}
	folder_remove(folder);
	return count;
}

Test(readme, every_command_works, .timeout = 600)
{
	cr_expect_geq(run_document("README.md"), 8);
}

Test(readme, every_command_of_the_documents_works, .timeout = 900)
{
	glob_t found;
	int count = 0;
	cr_assert_eq(glob("docs/*.md", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		count += run_document(found.gl_pathv[i]);
	globfree(&found);
	cr_expect_geq(count, 20);
}

Test(readme, readme_is_short)
{
	int lines = 0;
	for (const char *at = file_text("README.md", readme, sizeof readme); *at; at++)
		lines += *at == '\n';
	cr_expect_leq(lines, 120);
}

/* What stands between two lines of a document. */
static void block_of(const char *path, const char *begin, const char *end, char *out, size_t size)
{
	char *at = strstr(file_text(path, readme, sizeof readme), begin);
	cr_assert_not_null(at, "%s has no line %s", path, begin);
	at += strlen(begin);
	char *last = strstr(at, end);
	cr_assert_not_null(last);
	snprintf(out, size, "%.*s", (int)(last - at), at);
}

/* The attack that README shows compiles against the headers as they are, without a warning. */
Test(readme, its_attack_compiles)
{
	char path[] = "/tmp/signsgd-mirror-XXXXXX.c", command[PATH_MAX + 256];
	static char code[TEXT_SIZE];
	block_of("README.md", "```c\n", "\n```", code, sizeof code);
	int fd = mkstemps(path, 2);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, code, strlen(code)), (ssize_t)strlen(code));
	close(fd);
	snprintf(command, sizeof command, "cc -std=gnu11 -Wall -Wextra -Werror -I. -Isrc -fsyntax-only %s",
	         path);
	cr_expect_eq(system(command), 0);
	unlink(path);
}

/* Every experiment that a document shows is one: `validate` accepts it. */
static int validate_blocks(const char *document)
{
	char path[] = "/tmp/signsgd-json-XXXXXX", command[PATH_MAX + 64];
	int count = 0, fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	for (char *at = (char *)file_text(document, readme, sizeof readme); (at = strstr(at, "```json\n"));
	     count++) {
		at += strlen("```json\n");
		char *end = strstr(at, "```");
		cr_assert_not_null(end);
		cr_assert_eq(ftruncate(fd, 0), 0);
		cr_assert_eq(pwrite(fd, at, (size_t)(end - at), 0), end - at);
		snprintf(command, sizeof command, "%s validate %s >/dev/null", process_program(), path);
		cr_expect_eq(system(command), 0, "%s: an experiment is refused", document);
		at = end + 3;
	}
	close(fd);
	unlink(path);
	return count;
}

Test(readme, every_experiment_of_the_documents_is_valid)
{
	glob_t found;
	int count = validate_blocks("README.md");
	cr_assert_eq(glob("docs/*.md", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		count += validate_blocks(found.gl_pathv[i]);
	globfree(&found);
	cr_expect_geq(count, 2);
}

/*
 * Commands for several machines ("alpha$ signsgd serve ...") cannot be run as they are; every command and
 * every option in them is one that `help` knows.
 */
static void check_options(const char *line)
{
	char command[64], option[64], asked[128];
	static char said[1 << 16];
	const char *at = strstr(line, "signsgd ");
	if (!at || sscanf(at, "signsgd %63[a-z]", command) != 1)
		return;
	snprintf(asked, sizeof asked, "%s help %s", process_program(), command);
	FILE *help = popen(asked, "r");
	cr_assert_not_null(help);
	said[fread(said, 1, sizeof said - 1, help)] = 0;
	cr_expect_eq(pclose(help), 0, "there is no command in: %s", line);
	while ((at = strstr(at, " --"))) {
		at++;
		if (sscanf(at, "--%63[a-z-]", option) == 1)
			cr_expect_not_null(strstr(said, option), "%s has no option --%s: %s", command, option,
			                   line);
	}
}

Test(readme, commands_for_several_machines_have_options_that_exist)
{
	char *save = NULL;
	int count = 0;
	for (char *line = strtok_r((char *)file_text("docs/CLUSTER.md", readme, sizeof readme), "\n", &save);
	     line; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, "$ signsgd ") || starts(line, "mpirun") || starts(line, "srun")) {
			check_options(line);
			count++;
		}
	cr_expect_gt(count, 5);
}

/* The table of rooms in the tour is what `make floors` prints. */
Test(readme, the_tour_shows_the_rooms_as_they_are)
{
	static char shown[TEXT_SIZE], printed[TEXT_SIZE];
	block_of("docs/ARCHITECTURE.md", "<!-- make floors -->\n", "<!-- end -->", shown, sizeof shown);
	FILE *table = popen("${SIGNSGD_PYTHON:-python3} mk/floors.py --table", "r");
	cr_assert_not_null(table);
	printed[fread(printed, 1, sizeof printed - 1, table)] = 0;
	cr_expect_eq(pclose(table), 0);
	cr_expect_str_eq(shown, printed);
}

/* Is it a path of the project in a document: within back quotes, with a slash, without a wildcard? */
static bool names_path(const char *word)
{
	static const char *const tops[] = {"src/",       "cmd/",         "models/", "data/",
	                                   "adversary/", "tests/",       "plots/",  "reports/",
	                                   "docs/",      "experiments/", "mk/"};
	for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
		if (starts(word, tops[i]))
			return !strpbrk(word, " *<$") && strspn(word, "abcdefghijklmnopqrstuvwxyz") > 0;
	return false;
}

Test(readme, every_path_of_the_documents_is_there)
{
	glob_t found;
	int count = 0;
	cr_assert_eq(glob("docs/*.md", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char *save = NULL;
		for (char *word = strtok_r((char *)file_text(found.gl_pathv[i], readme, sizeof readme), "`",
		                           &save);
		     word; word = strtok_r(NULL, "`", &save)) {
			if (!names_path(word))
				continue;
			cr_expect_eq(access(word, F_OK), 0, "%s: there is no %s", found.gl_pathv[i], word);
			count++;
		}
	}
	globfree(&found);
	cr_expect_gt(count, 50);
}
