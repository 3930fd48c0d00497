/* Weights go to PyTorch and come from there: tests/peers/ has both directions, run where PyTorch is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "tests/support/process.h"
#include "tests/support/file.h"

/* A python3 that has what the scripts need, or NULL. */
static const char *find_python(void)
{
	static const char *const places[] = {"python3", "/usr/bin/python3"};
	char command[256];
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		snprintf(command, sizeof command, "%s -c 'import torch, torchvision, h5py' >/dev/null 2>&1",
		         places[i]);
		if (system(command) == 0)
			return places[i];
	}
	return NULL;
}

static void run_script(const char *name)
{
	const char *python = find_python();
	char command[512], log[] = "/tmp/signsgd-exchange-XXXXXX";
	static char said[1 << 14];
	if (!python || process_sanitized()) {
		printf("skipped: %s: %s\n", name, python ? "too slow under a sanitizer" : "no PyTorch here");
		return;
	}
	close(mkstemp(log));
	snprintf(command, sizeof command, "SIGNSGD_BIN=%s OMP_NUM_THREADS=1 %s tests/peers/%s >%s 2>&1",
	         process_program(), python, name, log);
	int status = system(command);
	cr_expect_eq(status, 0, "%s\n%s", name, file_text(log, said, sizeof said));
	unlink(log);
}

Test(exchange, pytorch_reads_ours, .timeout = 300)
{
	run_script("pytorch_reads_ours.py");
}

Test(exchange, ours_reads_pytorch, .timeout = 300)
{
	run_script("ours_reads_pytorch.py");
}
