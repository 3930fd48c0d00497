/* What the program says to a person, into a pipe and onto a (pseudo-)terminal. */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/mem.h"

/* Standard error turned into a pipe or a terminal, until what was written is read. */
struct capture {
	int saved, from, slave;
};

static void capture_pipe(struct capture *c)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	*c = (struct capture){.saved = dup(STDERR_FILENO), .from = ends[0], .slave = -1};
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
}

static void capture_terminal(struct capture *c, unsigned short columns)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
		cr_skip_test("skipped: this machine gives no pseudo-terminal");
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	struct termios raw;
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	struct winsize size = {.ws_row = 24, .ws_col = columns};
	ioctl(slave, TIOCSWINSZ, &size);
	*c = (struct capture){.saved = dup(STDERR_FILENO), .from = master, .slave = slave};
	dup2(slave, STDERR_FILENO);
}

/* What was written, put back standard error; the text is valid until the next call. */
static const char *captured(struct capture *c)
{
	static char text[1 << 18];
	size_t length = 0;
	dup2(c->saved, STDERR_FILENO);
	fcntl(c->from, F_SETFL, O_NONBLOCK); /* a terminal has no end of file while its slave is open */
	ssize_t got;
	while ((got = read(c->from, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	text[length] = '\0';
	close(c->saved);
	close(c->from);
	if (c->slave >= 0)
		close(c->slave);
	return text;
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;
	for (; (text = strstr(text, what)); text += strlen(what))
		count++;
	return count;
}

Test(log, lines_into_a_file_are_plain)
{
	struct capture c;
	capture_pipe(&c);
	log_say("%d workers", 7);
	log_warn("half of them are Byzantine");
	log_error("no majority");
	cr_assert_str_eq(captured(&c), "signsgd: 7 workers\n"
	                               "signsgd: warning: half of them are Byzantine\n"
	                               "signsgd: no majority\n");
}

Test(log, quiet_silences_what_is_no_complaint)
{
	struct capture c;
	capture_pipe(&c);
	log_quiet(true);
	log_say("said");
	progress_show(true, "progress");
	log_warn("warned");
	log_error("failed");
	log_quiet(false);
	log_say("said again");
	cr_assert_str_eq(captured(&c), "signsgd: warning: warned\nsignsgd: failed\nsignsgd: said again\n");
}

Test(log, quiet_progress_is_never_due)
{
	struct capture c;
	capture_terminal(&c, 80);
	log_quiet(true);
	bool due = progress_due();
	log_quiet(false);
	bool due_aloud = progress_due();
	cr_assert_str_eq(captured(&c), "");
	cr_assert(!due && due_aloud);
}

Test(log, long_lines_end_too)
{
	char *text = mem_format("%06000d", 0);
	struct capture c;
	capture_pipe(&c);
	log_say("%s", text);
	log_say("next");
	const char *out = captured(&c);
	cr_assert_eq(count_of(out, "\n"), 2);
	cr_assert_str_eq(strchr(out, '\n'), "\nsignsgd: next\n");
	mem_free(text);
}

Test(log, colours_only_on_a_terminal_and_when_not_refused)
{
	struct capture c;
	unsetenv("NO_COLOR");
	capture_terminal(&c, 80);
	cr_assert(log_is_tty(stderr) && log_colour(stderr));
	log_warn("w");
	cr_assert_str_eq(captured(&c), "\033[33msignsgd: warning:\033[0m w\n");

	capture_terminal(&c, 80);
	setenv("NO_COLOR", "", 1);
	cr_assert(log_colour(stderr));
	setenv("NO_COLOR", "1", 1);
	cr_assert(log_is_tty(stderr) && !log_colour(stderr));
	log_error("e");
	cr_assert_str_eq(captured(&c), "signsgd: e\n");
}

Test(log, progress_into_a_file_waits_but_the_last_line_comes)
{
	struct capture c;
	capture_pipe(&c);
	bool due = progress_due();
	progress_show(false, "step 1");
	progress_show(true, "step 2");
	progress_end();
	log_say("done");
	cr_assert_not(due);
	cr_assert_str_eq(captured(&c), "step 2\nsignsgd: done\n");
}

Test(log, progress_on_a_terminal_is_drawn_over_itself)
{
	struct capture c;
	setenv("NO_COLOR", "1", 1);
	capture_terminal(&c, 80);
	bool due = progress_due();
	progress_show(false, "step %d", 1);
	progress_show(true, "step %d", 2);
	log_warn("careful");
	log_say("said");
	progress_show(true, "step %d", 3);
	progress_end();
	progress_end();
	log_say("done");
	cr_assert(due);
	cr_assert_str_eq(captured(&c),
	                 "\rstep 1\033[K\rstep 2\033[K\nsignsgd: warning: careful\nsignsgd: said\n"
	                 "\rstep 3\033[K\nsignsgd: done\n");
}

Test(log, progress_is_drawn_ten_times_a_second_at_most)
{
	struct capture c;
	capture_terminal(&c, 80);
	double start = clock_s();
	for (int i = 0; i < 20000; i++)
		progress_show(false, "step");
	double took = clock_s() - start;
	size_t drawn = count_of(captured(&c), "\r");
	cr_assert_geq(drawn, 1);
	cr_assert_leq((double)drawn, 1 + took / 0.1, "%zu lines in %g s", drawn, took);
}

Test(log, progress_does_not_wrap)
{
	struct capture c;
	char text[2 * 50 + 1] = "";
	for (int i = 0; i < 50; i++)
		strcat(text, "\xc3\xa4");
	capture_terminal(&c, 20);
	progress_show(true, "%s", text);
	const char *out = captured(&c);
	cr_assert_eq(strlen(out), 1 + 2 * 19 + 3);
	cr_assert_eq(count_of(out, "\xc3\xa4"), 19);
	cr_assert_str_eq(out + 1 + 2 * 19, "\033[K");
}

Test(log, lines_of_processes_do_not_mix)
{
	enum { WRITERS = 4, LINES = 100 };
	struct capture c;
	capture_pipe(&c);
	for (int w = 0; w < WRITERS; w++)
		if (fork() == 0) {
			for (int i = 0; i < LINES; i++)
				log_warn("%0100d", w);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	const char *out = captured(&c);
	size_t lines[WRITERS] = {0};
	for (const char *line = out; *line; line = strchr(line, '\n') + 1) {
		char expected[160];
		int writer = 0;
		cr_assert_eq(sscanf(line, "signsgd: warning: %d", &writer), 1);
		cr_assert(writer >= 0 && writer < WRITERS);
		int length = snprintf(expected, sizeof(expected), "signsgd: warning: %0100d\n", writer);
		cr_assert_eq(strncmp(line, expected, (size_t)length), 0);
		lines[writer]++;
	}
	for (int w = 0; w < WRITERS; w++)
		cr_assert_eq(lines[w], LINES);
}

Test(log, durations_and_bytes_in_words)
{
	static const struct {
		double value;
		const char *text;
	} durations[] = {{0, "0.0 s"},        {1.5, "1.5 s"},          {9.94, "9.9 s"},
	                 {9.96, "10 s"},      {59.4, "59 s"},          {59.6, "1 min 0 s"},
	                 {200, "3 min 20 s"}, {3599.4, "59 min 59 s"}, {3599.6, "1 h 0 min"},
	                 {7500, "2 h 5 min"}, {7559, "2 h 5 min"},     {360000, "100 h 0 min"}},
	  sizes[] = {{0, "0 B"},
	             {512, "512 B"},
	             {1023, "1023 B"},
	             {1024, "1.0 KiB"},
	             {3277, "3.2 KiB"},
	             {1024 * 1024 - 1, "1.0 MiB"},
	             {1.5 * 1024 * 1024 * 1024, "1.5 GiB"}};
	char text[32];
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		log_duration(durations[i].value, text);
		cr_assert_str_eq(text, durations[i].text);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		log_bytes(sizes[i].value, text);
		cr_assert_str_eq(text, sizes[i].text);
	}
}
