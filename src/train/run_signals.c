/* Signals that stop a run: see train/run.h. */
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "train/run.h"

enum { GRACE_US = 500000, SIGNAL_EXIT = 128 };

/* A signal handler sees only what is global. */
static volatile sig_atomic_t caught, may_end;
static const char *volatile litter; /* to be removed at such an end, or NULL */

static void end_after_grace(void)
{
	static const struct itimerval grace = {.it_value.tv_usec = GRACE_US};
	setitimer(ITIMER_REAL, &grace, NULL);
}

static void catch_signal(int signal)
{
	caught = signal;
	if (may_end)
		end_after_grace();
}

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

/* The grace is over. Only what a signal handler may call. */
static void end_at_once(int signal)
{
	(void)signal;
	if (!may_end)
		return;
	if (litter)
		unlink(litter);
	say("signsgd: ended at once by ");
	say(run_signal_name());
	say(", as there was nothing to save\n");
	_exit(run_signal_code());
}

/*
 * The terminal is lost. SIGHUP may come twice, from the kernel and from the shell, and neither kills the
 * program. Under nohup it stays ignored.
 */
static void catch_hangup(void)
{
	struct sigaction hangup = {.sa_handler = catch_signal, .sa_flags = SA_RESTART}, before;
	sigemptyset(&hangup.sa_mask);
	if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &hangup, NULL);
}

void run_catch_signals(void)
{
	/* The handler is called only once: a second Ctrl-C kills the program. */
	struct sigaction once = {.sa_handler = catch_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction late = {.sa_handler = end_at_once, .sa_flags = SA_RESTART};
	sigemptyset(&once.sa_mask);
	sigemptyset(&ignore.sa_mask);
	sigemptyset(&late.sa_mask);
	sigaction(SIGALRM, &late, NULL);
	sigaction(SIGINT, &once, NULL);
	sigaction(SIGTERM, &once, NULL);
	sigaction(SIGPIPE, &ignore, NULL); /* a run goes on when its output is no longer read */
	catch_hangup();
}

void run_may_end(const char *remove)
{
	litter = remove;
	may_end = 1;
	if (caught && caught != SIGCHLD)
		end_after_grace();
}

void run_must_save(void)
{
	may_end = 0;
	litter = NULL;
}

int run_signal(void)
{
	return caught;
}

int run_signal_code(void)
{
	return caught == SIGCHLD ? EXIT_WORLD : SIGNAL_EXIT + (caught ? caught : SIGTERM);
}

void run_halt(void)
{
	if (!caught)
		caught = SIGCHLD;
}

const volatile sig_atomic_t *run_stop_flag(void)
{
	return &caught;
}

const char *run_signal_name(void)
{
	if (caught == SIGCHLD)
		return "the end of its processes";
	return caught == SIGTERM ? "SIGTERM" : caught == SIGHUP ? "SIGHUP" : "SIGINT";
}
