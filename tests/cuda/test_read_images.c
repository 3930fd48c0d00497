/* Images that readers bring while training runs, on the device: it takes them from where they were read to.
 */
#include <criterion/criterion.h>
#include "tests/support/cli.h"
#include "tests/support/guarded.h"
#include "tests/support/image_folder.h"

static void open_folders(void)
{
	cli_open();
	data_help_enter();
	image_folder_make();
}

static void close_folders(void)
{
	data_help_leave();
	cli_close();
}

TestSuite(read_images, .init = open_folders, .fini = close_folders, .timeout = 200);

Test(read_images, learn_as_on_the_host)
{
	const char *text = image_folder_experiment(data_help_path("set"), ",\"readers\":2");
	guarded_run("simulate", text, "--lanes 2", "ref", "ref");
	guarded_run("simulate", text, "--lanes 2", "cuda", "one");
	guarded_run("simulate", text, "--lanes 1", "cuda", "two");
	guarded_expect_same("one", "two");
	guarded_expect_near("one", "ref", "/steps/loss", 1e-3);
}
