/*
 * Whole runs on the backend `cuda`, on the stand-in for a GPU (tests/cuda/emulated.h), which runs work late
 * and in another order with every seed: nothing in a run may depend on that. Votes are steps by signs, so
 * runs that differ from `ref` in the last bits of sums stay near it for so few steps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "record/record.h"
#include "tests/support/cli.h"
#include "tests/support/guarded.h"
#include "tests/support/small_experiments.h"

TestSuite(device, .init = cli_open, .fini = cli_close, .timeout = 400);

static const double NEAR = 1e-3;

static void with_seed(int seed)
{
	char text[16];
	snprintf(text, sizeof text, "%d", seed);
	setenv("SIGNSGD_EMULATED_SEED", text, 1);
}

/* The same bits with every seed; losses near those of ref. */
static void expect_learns(const char *experiment, const char *options)
{
	guarded_run("simulate", experiment, options, "ref", "ref");
	for (int seed = 1; seed <= 3; seed++) {
		char name[16];
		snprintf(name, sizeof name, "cuda%d", seed);
		with_seed(seed);
		guarded_run("simulate", experiment, options, "cuda", name);
		if (seed > 1)
			guarded_expect_same("cuda1", name);
	}
	guarded_expect_near("cuda1", "ref", "/steps/loss", NEAR);
	guarded_expect_near("cuda1", "ref", "/evals/train_loss", NEAR);
}

static void expect_same_final(const char *name, const char *other, const char *what)
{
	char path[2][128], different[128] = "";
	struct err e = {0};
	snprintf(path[0], sizeof path[0], "%s/%s.h5", cli_folder, name);
	snprintf(path[1], sizeof path[1], "%s/%s.h5", cli_folder, other);
	cr_expect_eq(record_same_final(path[0], path[1], different, sizeof different, &e), 1, "%s: %s%s",
	             what, e.text, different);
}

Test(device, check_passes)
{
	cr_expect_eq(cli("check --backend cuda"), 0, "%s%s", cli_out, cli_err);
}

/* Muon multiplies matrices, whose sums have another order: a sign of what is nearly 0 may be the other one.
 */
Test(device, directions)
{
	expect_learns(small_mlp, "--set direction=lion --set momentum=0 --lanes 2");
	expect_learns(small_mlp, "--set direction=muon --lanes 2");
	expect_learns(small_mlp, "--set direction=muon --adversaries 2 --attack alie --set aggregator=median "
	                         "--set record.kappa=1 --set lr=0.001");
}

Test(device, dense_models_and_toys)
{
	static const char toy[] = "{\"name\":\"m\",\"workers\":3,\"steps\":5,\"lr\":0.1,\"momentum\":0.5,"
	                          "\"model\":\"median-toy\",\"eval\":{\"every\":1}}";
	expect_learns(small_mlp, "--lanes 2");
	expect_learns(toy, "--set model.noise=0.5 --lanes 2");
	expect_learns(small_quadratic, "--set model.noise=0.5 --lanes 2");
}

Test(device, layers_on_images)
{
	expect_learns(small_layers, "--lanes 2");
}

Test(device, cnn)
{
	static const char cnn[] = "{\"name\":\"c\",\"workers\":2,\"steps\":2,\"batch\":2,\"lr\":0.01,"
	                          "\"model\":\"cnn\",\"data\":{\"kind\":\"glyphs\",\"train\":4,\"test\":2}}";
	expect_learns(cnn, "");
}

Test(device, text)
{
	char qrnn[SMALL_TEXT];
	small_text(qrnn);
	expect_learns(qrnn, "--lanes 2");
}

/* Workers at once have the bits of one after the other, in full groups and in others. */
static void expect_fused(const char *experiment, const char *options)
{
	char all[256];
	with_seed(1);
	guarded_run("simulate", experiment, options, "cuda", "one");
	for (int fuse = 2; fuse <= 3; fuse++) {
		snprintf(all, sizeof all, "%s --set fuse=%d", options, fuse);
		with_seed(fuse);
		guarded_run("simulate", experiment, all, "cuda", "many");
		guarded_expect_same("one", "many");
	}
}

Test(device, workers_at_once)
{
	char qrnn[SMALL_TEXT];
	expect_fused(small_mlp, "--lanes 2 --adversaries 2 --attack gaussian");
	expect_fused(small_mlp, "--adversaries 1 --attack label-flip");
	expect_fused(small_layers, "--set workers=3 --lanes 2");
	small_text(qrnn);
	expect_fused(qrnn, "--set workers=3");
}

Test(device, methods_that_are_not_votes)
{
	expect_learns(small_mlp, "--set aggregator=adam --set momentum=0 --lanes 2");
	expect_learns(small_mlp, "--set aggregator=median --set compressor=ef-sign --adversaries 2 --attack "
	                         "bit-flip");
	expect_learns(small_mlp,
	              "--set 'aggregator={\"kind\":\"krum\",\"f\":1,\"before\":[\"nnm\"]}' --lanes 2");
	expect_learns(small_mlp, "--set 'aggregator={\"kind\":\"vote\",\"zero\":\"abstain\",\"tie\":"
	                         "\"abstain\"}' --lanes 2");
	expect_learns(small_mlp, "--set 'aggregator={\"kind\":\"signsgd-fd\",\"weights\":\"coordinate\","
	                         "\"rho\":0.9,\"initial_rounds\":1,\"tie\":\"abstain\"}' --set "
	                         "record.weights=1 --lanes 2");
	expect_learns(small_mlp,
	              "--set 'coding={\"kind\":\"bernoulli\",\"redundancy\":2.5}' --set momentum=0 "
	              "--set compressor.zero=positive --lanes 2");
}

/* Codes are made on the host, of vectors that come down and of memories that go up again. */
Test(device, codes_and_drawn_signs)
{
	expect_learns(small_mlp, "--set compressor=ssdm --lanes 2");
	expect_learns(small_mlp, "--set 'compressor={\"kind\":\"qsgd\",\"coding\":\"elias\",\"two_way\":"
	                         "true}' --lanes 2");
	expect_learns(small_mlp, "--set compressor=qsgd --set aggregator=median");
	expect_learns(small_mlp,
	              "--set compressor=qsgd --set aggregator=median --set record.kappa=1 --steps 12");
	expect_learns(small_mlp, "--set 'compressor={\"kind\":\"top-k\",\"share\":0.1}' --lanes 2");
	expect_learns(small_mlp, "--set 'compressor={\"kind\":\"top-k\",\"share\":0.1,\"sends\":\"signs\","
	                         "\"two_way\":true}' --lanes 2");
}

/* Scales of layers are read and added on the device; codes, and answers that are compressed, on the host. */
Test(device, messages_with_scales_and_codes)
{
	expect_learns(small_mlp, "--set aggregator=mean --set compressor=one-bit --lanes 2");
	expect_learns(small_mlp, "--set 'aggregator={\"kind\":\"mean\",\"clip_scale\":3}' --set "
	                         "compressor=scaled-sign --lanes 2");
	expect_learns(small_mlp, "--set aggregator=mean --set "
	                         "'compressor={\"kind\":\"ef-sign\",\"scope\":\"layer\",\"two_way\":true}'");
	expect_learns(small_mlp, "--set aggregator=mean --set "
	                         "'compressor={\"kind\":\"terngrad\",\"two_way\":true}' --set "
	                         "record.agreement=1 --lanes 2");
}

Test(device, probes)
{
	expect_learns(small_mlp, "--set record.agreement=1 --set record.margin=1 --set record.norms=1 --set "
	                         "record.sign_failure=1 --set record.snapshots=1 --lanes 2");
	expect_learns(small_mlp, "--set record.snr=2 --set record.l1_l2=1 --set "
	                         "'record.gradient_noise={\"at\":[0,2],\"random\":3}' --lanes 2");
}

/* As if it had not been interrupted. */
Test(device, continues_from_a_checkpoint)
{
	static const char options[] = "--adversaries 1 --attack stale --set aggregator=adam --set momentum=0";
	char shorter[256];
	snprintf(shorter, sizeof shorter, "%s --set checkpoint.keep=true --steps 3", options);
	guarded_run("simulate", small_layers, shorter, "cuda", "part");
	snprintf(shorter, sizeof shorter, "%s --steps 5", options);
	guarded_run("simulate", small_layers, shorter, "cuda", "whole");
	with_seed(2);
	cr_assert_eq(cli("simulate --resume %s/part.h5 --steps 5 --quiet", cli_folder), 0, "%s", cli_err);
	expect_same_final("whole", "part", "resume");
}

Test(device, processes_and_buckets)
{
	static const char *const ways[] = {"--processes 2", "--processes 2 --set transport.buckets=3"};
	const char *const experiments[] = {small_mlp, small_layers};
	for (size_t i = 0; i < 2; i++) {
		guarded_run("simulate", experiments[i], "", "cuda", "one");
		for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
			guarded_run("train", experiments[i], ways[w], "cuda", "own");
			expect_same_final("one", "own", ways[w]);
		}
		cr_expect_eq(cli("simulate --replay %s/own.h5 --quiet --overwrite", cli_folder), 0, "%s",
		             cli_err);
	}
}

/* Every thread works on the device that was chosen. */
Test(device, another_device)
{
	guarded_run("simulate", small_layers, "--lanes 2", "cuda", "first");
	setenv("SIGNSGD_EMULATED_DEVICES", "2", 1);
	guarded_run("simulate", small_layers, "--lanes 2", "'{\"kind\":\"cuda\",\"device\":1}'", "second");
	guarded_expect_same("first", "second");
}

/* Processes that one run starts take the devices in turn. */
Test(device, processes_share_the_devices)
{
	char chosen[FOLDER_SIZE + 16], text[4096];
	snprintf(chosen, sizeof chosen, "%s/chosen", cli_folder);
	setenv("SIGNSGD_EMULATED_DEVICES", "2", 1);
	setenv("SIGNSGD_EMULATED_CHOSEN", chosen, 1);
	guarded_run("train", small_mlp, "--processes 2 --lanes 1", "cuda", "own");
	file_text(chosen, text, sizeof text);
	cr_expect(strstr(text, "0\n") && strstr(text, "1\n"), "\"%s\"", text);
	remove(chosen);
	guarded_run("simulate", small_mlp, "--lanes 1", "cuda", "one");
	file_text(chosen, text, sizeof text);
	cr_expect(strstr(text, "0\n") && !strstr(text, "1\n"), "\"%s\"", text);
	expect_same_final("one", "own", "two devices");
}

/* Points of a grid come to a device one after the other; --jobs spreads them over all. */
Test(device, points_of_a_grid_share_the_devices)
{
	char chosen[FOLDER_SIZE + 16], text[4096];
	snprintf(chosen, sizeof chosen, "%s/chosen", cli_folder);
	setenv("SIGNSGD_EMULATED_DEVICES", "2", 1);
	setenv("SIGNSGD_EMULATED_CHOSEN", chosen, 1);
	cli_write("e.json", small_mlp);
	for (int jobs = 1; jobs <= 2; jobs++) {
		remove(chosen);
		cr_assert_eq(cli("simulate %s/e.json --set backend=cuda --steps 1 --set "
		                 "'sweep={\"lr\":[0.01,0.02]}' %s --out %s/grid --overwrite --quiet",
		                 cli_folder, jobs == 1 ? "" : "--jobs 2", cli_folder),
		             0, "%s", cli_err);
		file_text(chosen, text, sizeof text);
		cr_expect(strstr(text, "0\n") && !strstr(text, "1\n") == (jobs == 1), "%d: \"%s\"", jobs,
		          text);
	}
}

Test(device, models_are_timed)
{
	cr_expect_eq(cli("bench model cnn --backend cuda --seconds 0.01 --lanes 2 --batch 2"), 0, "%s",
	             cli_err);
	cr_expect(strstr(cli_out, "images/s"), "%s", cli_out);
}

/* The stand-ins multiply what is asked for; all else is float32. */
Test(device, precisions)
{
	guarded_run("simulate", small_layers, "", "ref", "ref");
	guarded_run("simulate", small_layers, "", "'{\"kind\":\"cuda\",\"precision\":\"tf32\"}'", "tf32");
	guarded_run("simulate", small_layers, "", "'{\"kind\":\"cuda\",\"precision\":\"bf16\"}'", "bf16");
	guarded_expect_near("tf32", "ref", "/steps/loss", 0.05);
	guarded_expect_near("bf16", "ref", "/steps/loss", 0.2);
}

Test(device, one_that_cannot_be_used_is_said)
{
	cli_write("e.json", small_layers);
	setenv("SIGNSGD_EMULATED_DEVICES", "0", 1);
	cli_expect(1, "no GPU was found", "simulate %s/e.json --set backend=cuda --out %s/o.h5", cli_folder,
	           cli_folder);
	setenv("SIGNSGD_EMULATED_DEVICES", "1", 1);
	cli_expect(1, "this machine has 1 GPU",
	           "simulate %s/e.json --set 'backend={\"kind\":\"cuda\",\"device\":1}' --out %s/o.h5",
	           cli_folder, cli_folder);
	setenv("SIGNSGD_EMULATED_MEMORY", "1000000", 1);
	cli_expect(1, "memory", "simulate %s/e.json --set backend=cuda --out %s/o.h5", cli_folder,
	           cli_folder);
}

/* A result file never says that products were rounded where the libraries would not have done so. */
Test(device, a_precision_that_it_has_not_is_said)
{
	static const char say[] = "simulate %s/e.json --steps 1 --overwrite --out %s/o.h5 --set "
	                          "'backend={\"kind\":\"cuda\",\"precision\":\"%s\"}'";
	cli_write("e.json", small_mlp);
	setenv("NVIDIA_TF32_OVERRIDE", "0", 1);
	cli_expect(1, "precision: found \"tf32\", which NVIDIA_TF32_OVERRIDE=0 forbids", say, cli_folder,
	           cli_folder, "tf32");
	cr_expect_eq(cli(say, cli_folder, cli_folder, "bf16"), 0, "%s", cli_err);
	unsetenv("NVIDIA_TF32_OVERRIDE");
	setenv("SIGNSGD_EMULATED_CAPABILITY", "75", 1);
	cli_expect(1, "compute capability 7.5; expected \"fp32\", or at least 8.0", say, cli_folder,
	           cli_folder, "bf16");
	cli_expect(1, "precision: found \"tf32\" on ", say, cli_folder, cli_folder, "tf32");
	cr_expect_eq(cli(say, cli_folder, cli_folder, "fp32"), 0, "%s", cli_err);
}

/* The stand-in's module has kernels for 7.5 and 8.0, and PTX of this, which later devices translate. */
Test(device, one_without_kernels_is_said)
{
	cli_write("e.json", small_layers);
	setenv("SIGNSGD_EMULATED_CAPABILITY", "61", 1);
	cli_expect(1, "has compute capability 6.1, expected at least 7.0",
	           "simulate %s/e.json --set backend=cuda --out %s/o.h5", cli_folder, cli_folder);
	setenv("SIGNSGD_EMULATED_CAPABILITY", "70", 1);
	cli_expect(1, "has kernels for the architectures 75 80; build it with CUDA_ARCH=70",
	           "simulate %s/e.json --set backend=cuda --out %s/o.h5", cli_folder, cli_folder);
	static const char *const enough[] = {"75", "80", "89", "90", "121"};
	for (size_t i = 0; i < sizeof enough / sizeof *enough; i++) {
		setenv("SIGNSGD_EMULATED_CAPABILITY", enough[i], 1);
		cr_expect_eq(cli("simulate %s/e.json --steps 1 --set backend=cuda --overwrite --out %s/o.h5",
		                 cli_folder, cli_folder),
		             0, "%s: %s", enough[i], cli_err);
	}
}
