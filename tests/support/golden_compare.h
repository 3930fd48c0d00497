/*
 * A network against PyTorch in double precision (tests/golden/make_nets.py): the loss, the gradient of
 * every tensor, and three steps of SGD, all within a relative error of 1e-4 a gradient; signs of gradients
 * agree in more than 99.9 % of the coordinates. Of steps, what is compared is how far every tensor has moved.
 * How float32 rounds depends on the processor's vectors; without AVX-512 resnet18's third step is off
 * by 1.4e-4. Where float32 may turn a ReLU the other way (`stays`), which moves a tensor's change by some
 * thousandths, the parameters themselves are held to 1e-4, and their change to CHANGE_MOST.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_GOLDEN_COMPARE_H
#define SIGNSGD_TESTS_SUPPORT_GOLDEN_COMPARE_H

/* The network of that name in tests/golden/nets.h5, on the backend of that name. */
void golden_compare(const char *name, const char *backend);

#endif
