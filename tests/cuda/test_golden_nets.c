/*
 * Networks against PyTorch in double precision on the backend `cuda`, as tests/support/golden_compare.h says:
 * convolutions, normalisation, pools, shortcuts and products, forward and back.
 */
#include <criterion/criterion.h>
#include "tests/support/golden_compare.h"

TestSuite(cuda_golden_nets, .timeout = 900);

Test(cuda_golden_nets, a_small_convolutional_network_agrees_with_pytorch)
{
	golden_compare("cnn", "cuda");
}

Test(cuda_golden_nets, layers_of_a_list_agree_with_pytorch)
{
	golden_compare("sequential", "cuda");
}

Test(cuda_golden_nets, residual_networks_agree_with_pytorch)
{
	golden_compare("resnet20", "cuda");
	golden_compare("resnet20-A", "cuda");
}
