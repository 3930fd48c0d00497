/* Children that are this program: see program.h. */
#include "cmd/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * Signals that ask to stop are as the system has them until the program catches them itself. One that is
 * ignored here, as SIGHUP is under nohup, stays so.
 */
static void choose_signals(bool deaf)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
	struct sigaction now;
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
		if (sigaction(stops[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			signal(stops[i], deaf ? SIG_IGN : SIG_DFL);
}

/* In the child. Only what may be called after a fork() beside threads. */
_Noreturn static void become(const struct program *p, char *const *environment, pid_t parent)
{
	sigset_t none;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_WORLD);
	choose_signals(p->deaf);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (p->in >= 0)
		dup2(p->in, STDIN_FILENO);
	if (p->out >= 0) {
		dup2(p->out, STDOUT_FILENO);
		dup2(p->out, STDERR_FILENO);
	}
	if (p->kept >= 0)
		fcntl(p->kept, F_SETFD, 0);
	execve("/proc/self/exe", (char *const *)(uintptr_t)p->arguments, environment);
	_exit(EXIT_WORLD);
}

/* This process's environment, and in front, where they are found first, the child's own variables. */
static char **environment_of(const struct program *p)
{
	size_t count = 0, own = 0;
	while (environ[count])
		count++;
	char **out = mem_array(PROGRAM_VARIABLES + count + 1, sizeof(*out)); /* ends with NULL */
	while (own < PROGRAM_VARIABLES && p->variables[own]) {
		out[own] = (char *)(uintptr_t)p->variables[own];
		own++;
	}
	memcpy(out + own, environ, count * sizeof(*out));
	return out;
}

/* A signal that comes before the child has its own ways with them waits until then. */
pid_t program_start(const struct program *p)
{
	sigset_t all, before;
	pid_t parent = getpid();
	char **environment = environment_of(p);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid_t pid = fork();
	if (pid == 0)
		become(p, environment, parent);
	int why = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	mem_free(environment);
	errno = why;
	return pid;
}

const char *program_end(int status, char out[PROGRAM_END])
{
	if (WIFSIGNALED(status))
		snprintf(out, PROGRAM_END, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, PROGRAM_END, "exit code %d", WEXITSTATUS(status));
	return out;
}
