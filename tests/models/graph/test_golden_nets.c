/*
 * Every network against PyTorch in double precision (tests/golden/make_nets.py), as
 * tests/support/golden_compare.h says.
 */
#include <criterion/criterion.h>
#include "registry.h"
#include "tests/support/golden_compare.h"
#include "tests/support/machines.h"

Test(golden_nets, small_networks_agree_with_pytorch_on_every_machine)
{
	static const char *const small[] = {"cnn", "resnet20", "resnet20-A", "sequential"};
	for (size_t i = 0; i < sizeof small / sizeof *small; i++)
		for (const struct row *const *machine = machines_on_host(); *machine; machine++)
			golden_compare(small[i], (*machine)->name);
}

Test(golden_nets, residual_networks_agree_with_pytorch)
{
	golden_compare("resnet18-cifar", "cpu");
	golden_compare("resnet18", "cpu");
	golden_compare("resnet50", "cpu");
}

Test(golden_nets, networks_without_normalisation_agree_with_pytorch)
{
	golden_compare("alexnet", "cpu");
	golden_compare("vgg11", "cpu");
}
