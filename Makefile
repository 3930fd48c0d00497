# signsgd: GNU Make. `make help` lists the targets.
#
#   make            ./signsgd, optimised
#   make DEV=1      the same with every warning an error
#   make demo       set up, build, train seven workers, up to three of them Byzantine, draw demo.png
#   make test       set up, build, run the whole suite      [SANITIZE=address|undefined|thread] [T=name]

VERSION  := 0.1.0
PREFIX   ?= /usr/local
CC       ?= gcc
MAKEFLAGS += --no-print-directory

ifdef EMULATED_CUDA
VARIANT ?= emulated
else ifdef SANITIZE
VARIANT ?= $(SANITIZE)
else ifdef DEV
VARIANT ?= dev
else
VARIANT ?= release
endif
B := build/$(VARIANT)

# --- compiler -----------------------------------------------------------------------------------------

# -ffp-contract=off: the same bits on every machine (base/rng.h, backend/backend.h).
BASE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O3 -g -ffp-contract=off -fno-math-errno -pthread -fno-common
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wold-style-definition \
            -Wundef -Wpointer-arith -Wwrite-strings
ifdef DEV
WARNINGS += -Werror -Wmissing-prototypes -Wmissing-declarations -Wredundant-decls
endif
ifdef SANITIZE
SAN := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-uninitialized -Wno-maybe-uninitialized
endif

HDF5_PC  := $(shell pkg-config --exists hdf5 2>/dev/null && echo hdf5 || echo hdf5-serial)
PACKAGES := $(HDF5_PC) openblas libcjson libcurl zlib libcrypto libjpeg libpng libwebp libzmq
# What sets up first, or needs no libraries.
WITHOUT_LIBRARIES := setup demo test test-sanitized test-distros test-faults test-guarded test-cuda fuzz clean help format \
                     format-check uninstall dist
ifeq ($(filter $(WITHOUT_LIBRARIES),$(MAKECMDGOALS)),)
MISSING := $(shell for p in $(PACKAGES); do pkg-config --exists $$p 2>/dev/null || echo $$p; done)
ifeq ($(shell command -v $(firstword $(CC)) 2>/dev/null),)
$(error not found: the compiler '$(firstword $(CC))'. `make setup` installs what is missing on Debian and Ubuntu; CC= names another)
endif
ifeq ($(shell command -v pkg-config 2>/dev/null),)
$(error not found: pkg-config. `make setup` installs what is missing on Debian and Ubuntu; mk/packages.txt names it)
endif
ifneq ($(MISSING),)
$(error not found by pkg-config: $(MISSING). `make setup` installs what is missing on Debian and Ubuntu; mk/packages.txt names it)
endif
endif
# oneDNN has no pkg-config file; its header is looked for where the compiler looks.
DNNL_HEADER := oneapi/dnnl/dnnl.h
ifeq ($(filter $(WITHOUT_LIBRARIES),$(MAKECMDGOALS)),)
ifneq ($(shell $(CC) $(CFLAGS) -E -include $(DNNL_HEADER) -x c /dev/null >/dev/null 2>&1 || echo missing),)
$(error not found: oneDNN ($(DNNL_HEADER)). `make setup` installs what is missing on Debian and Ubuntu; mk/packages.txt names it)
endif
endif
# OpenBLAS is opened while the program runs (src/backend/cpu/blas_library.h), by the name that a link would note.
BLAS_SONAME = $(shell mk/blas_name.sh $(CC))
# MPI is a choice: with a library's compiler wrapper here there is a transport `mpi`, without it (or with
# WITHOUT_MPI=1, or MPICC=) there is none. Open MPI's wrapper tells its flags one way, MPICH's another.
ifndef WITHOUT_MPI
ifeq ($(origin MPICC),undefined)
MPICC := $(firstword $(foreach c,mpicc.openmpi mpicc,$(shell command -v $c 2>/dev/null)))
endif
ifneq ($(MPICC),)
MPI_CFLAGS := $(or $(shell $(MPICC) --showme:compile 2>/dev/null),$(filter -I% -D%,$(shell $(MPICC) -compile_info 2>/dev/null)))
MPI_LIBS   := $(or $(shell $(MPICC) --showme:link 2>/dev/null),$(filter -l% -L% -Wl%,$(shell $(MPICC) -link_info 2>/dev/null)))
# "Open MPI 4.1.4" or "MPICH 4.0.2", as mpi.h has it: for `version`, which does not open it.
MPI_NAME   := $(shell mk/mpi_name.sh $(CC) $(MPI_CFLAGS))
endif
endif
# CUDA is a choice: with a toolkit here there is the module of the backend `cuda`, without it (or with WITHOUT_CUDA=1,
# or NVCC=) the backend says so when it is asked for. CUDA_HOME names the toolkit, or NVCC the compiler ('ccache nvcc'
# works); else nvcc is looked for on the PATH and in /usr/local/cuda. CUDA_ARCH: the architectures that kernels are
# made for (90, or "80 90"; mk/cuda.sh). Without it all that the toolkit knows; in builds for developers and under
# sanitizers one, because each takes its time.
# What the rules below use: CUDA_CC and CUDA_FLAGS compile a .cu file, CUDA_INCLUDE is for C files of the module,
# CUDA_LIBS is the runtime, CUDA_ARCHS the architectures, CUDA_NAME what `version` says. Without CUDA_CC: no module.
ifeq ($(WITHOUT_CUDA)$(EMULATED_CUDA),)
ifeq ($(origin NVCC),undefined)
NVCC := $(firstword $(if $(CUDA_HOME),$(wildcard $(CUDA_HOME)/bin/nvcc),$(shell command -v nvcc 2>/dev/null) $(wildcard /usr/local/cuda/bin/nvcc)))
endif
ifneq ($(NVCC),)
ifeq ($(filter $(WITHOUT_LIBRARIES),$(MAKECMDGOALS)),)
CUDA_FOUND := $(shell mk/cuda.sh $(lastword $(NVCC)) $(or $(CUDA_ARCH),$(if $(DEV)$(SANITIZE),one)))
endif
CUDA_ARCHS := $(patsubst arch=%,%,$(filter arch=%,$(CUDA_FOUND)))
ifneq ($(CUDA_ARCHS),)
CUDA_CC      := $(NVCC)
CUDA_NAME    := CUDA $(patsubst release=%,%,$(filter release=%,$(CUDA_FOUND)))
CUDA_INCLUDE := $(patsubst include=%,-isystem %,$(filter include=%,$(CUDA_FOUND)))
CUDA_LIBS    := $(patsubst lib=%,-L%,$(filter lib=%,$(CUDA_FOUND))) -lcudart_static -lrt -lpthread -ldl
# -fmad=false: the bits of ref, as -ffp-contract=off does for C.
CUDA_FLAGS   := -std=c++17 -O3 -fmad=false $(filter -gencode=%,$(CUDA_FOUND)) -Wno-deprecated-gpu-targets -Xptxas -v \
                -Xcompiler -fPIC,-fvisibility=hidden $(if $(DEV),-Werror all-warnings -Xcompiler -Wall)
else ifneq ($(and $(CUDA_ARCH),$(CUDA_FOUND)),)
$(error $(CUDA_FOUND))
endif
endif
endif
# In place of nvcc and its runtime: "a stand-in for a GPU", below.
ifdef EMULATED_CUDA
CUDA_CC      := $(CXX) -x c++
CUDA_ARCHS   := 75 80
CUDA_NAME    := a stand-in for a GPU
CUDA_INCLUDE := -Itests/cuda/include
CUDA_LIBS    := $B/libcudart_emulated.so -Wl,-rpath,\$$ORIGIN
CUDA_FLAGS   := -std=c++17 -O2 -g -ffp-contract=off -fno-math-errno -fno-exceptions -fno-rtti -fPIC -fvisibility=hidden \
                -Wall -Wno-unused-function -Wno-unknown-pragmas $(if $(DEV),-Werror) $(CUDA_INCLUDE)
endif
LIB_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
HDF5_HL    := $(patsubst -lhdf5%,-lhdf5%_hl,$(filter -lhdf5%,$(shell pkg-config --libs-only-l $(HDF5_PC) 2>/dev/null)))
LIBS       := $(shell pkg-config --libs-only-L $(HDF5_PC) 2>/dev/null) $(HDF5_HL) \
              $(shell pkg-config --libs $(filter-out openblas,$(PACKAGES)) 2>/dev/null) -ldnnl -lgomp -ldl -lm
ALL_CFLAGS  = $(BASE_CFLAGS) $(WARNINGS) $(SAN) -I. -Isrc $(LIB_CFLAGS) $(CFLAGS)

# Vector levels are chosen at run time: only these files may use the wider instructions.
ifneq ($(filter x86_64% i%86% amd64%,$(shell $(CC) -dumpmachine 2>/dev/null)),)
%/cpu/avx2.o: LEVEL := -mavx2
%/cpu/product_avx2.o: LEVEL := -mavx2 -mfma
%/cpu/avx512.o %/cpu/product_avx512.o: LEVEL := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512
endif

# --- what is built ------------------------------------------------------------------------------------

# A new file is built from the next `make` on; nothing has to be listed.
LIB_SRC  := $(sort $(shell find src models adversary data -name '*.c'))
# What needs MPI is a module, opened when it is needed (src/base/module.h): commands without it do not pay for it.
MPI_SRC  := $(filter src/transport/mpi/%,$(LIB_SRC))
LIB_SRC  := $(filter-out $(MPI_SRC),$(LIB_SRC))
MPI_OBJ  := $(MPI_SRC:%.c=$B/%.o)
# Likewise CUDA: C files, and kernels (x.cu becomes x.cu.o).
CUDA_SRC := $(filter src/backend/cuda/% src/transport/nccl/%,$(LIB_SRC))
LIB_SRC  := $(filter-out $(CUDA_SRC),$(LIB_SRC))
CUDA_OBJ := $(CUDA_SRC:%.c=$B/%.o) $(patsubst %,$B/%.o,$(sort $(wildcard src/backend/cuda/*.cu)))
MODULES  := $(if $(MPI_LIBS),$B/signsgd-mpi.so) $(if $(CUDA_CC),$B/signsgd-cuda.so)
MODULE_OBJ := $(if $(MPI_LIBS),$(MPI_OBJ)) $(if $(CUDA_CC),$(CUDA_OBJ))
CMD_SRC  := $(wildcard cmd/*.c cmd/ui/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$B/%.o)
CMD_OBJ  := $(CMD_SRC:%.c=$B/%.o)
CMD_LIB_OBJ := $(filter-out $B/cmd/main.o,$(CMD_OBJ))
LIB      := $B/libsignsgd.a
SUPPORT  := $B/tests/support.a
SUPPORT_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard tests/support/*.c)))
# The network laboratory is no part of the program: tests and the day of faults use it too.
NETLAB_SRC := $(filter-out %/main.c,$(filter-out tests/netlab/test_%,$(wildcard tests/netlab/*.c)))
NETLAB_OBJ := $(NETLAB_SRC:%.c=$B/%.o)
NETLAB   := $B/netlab.a
TEST_SRC := $(sort $(wildcard tests/*/test_*.c tests/*/*/test_*.c))
ifndef EMULATED_CUDA
TEST_SRC := $(filter-out tests/cuda/%,$(TEST_SRC))
endif
PLAIN_SRC := $(sort $(wildcard tests/*/plain_*.c tests/*/*/plain_*.c))
TESTS    := $(TEST_SRC:tests/%.c=$B/tests/%)
PLAINS   := $(PLAIN_SRC:tests/%.c=$B/tests/%)
C_FILES  := $(sort $(shell find src models adversary data cmd tests -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh'))

.PHONY: all help setup demo run-demo papers test run-tests repeat test-sanitized test-distros test-faults run-faults \
        test-guarded run-guarded test-cuda bench-net network-doc gpu-kit fuzz fuzzers floors format format-check install uninstall dist clean \
        FORCE
.DELETE_ON_ERROR:

ifneq ($(SANITIZE)$(EMULATED_CUDA),)
all: $B/signsgd $(MODULES)
else
all: signsgd $(MODULES)
signsgd: $B/signsgd
	@ln -f $< $@ 2>/dev/null || cp -f $< $@
endif

help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile
	@echo "  make papers     the claims of papers, reproduced (experiments/papers/; make paper-NAME: one); a quarter of an hour"
	@echo "  make repeat     tests N times (default 20), up to the first failure: T=name N=200"
	@echo "  make test-sanitized   threads, and the rooms that read foreign bytes, under the sanitizers"
	@echo "  make test-faults   a day of dead, slow and Byzantine machines: FAULT_S seconds (default 45), FAULT_SEED"
	@echo "  make test-guarded  one step of every model on memory that only kernels can touch; minutes"
	@echo "  make test-cuda     the backend cuda on a stand-in for a GPU; minutes"
	@echo "  make gpu-kit    build/gpu-kit: a folder that checks and measures the backend cuda where a GPU is"
	@echo "  make test-distros  demo and tests on bare Debian 12 and 13, as root, with debootstrap  [DISTROS=trixie]"
	@echo "  make bench-net     rounds over networks made of namespaces, as root; ARGS=\"--help\" lists the options"
	@echo "  make network-doc   docs/NETWORK.md anew, as root [WITH_TRAINING=1]"
	@echo "  make fuzz       the doors to foreign bytes, FUZZ_S seconds each (default 60)"
	@echo "  make floors     the laws of rooms and floors     make format / format-check"
	@echo "  make install    PREFIX=... DESTDIR=...     make uninstall     make dist     make clean"

$B/signsgd: $(CMD_OBJ) $(LIB) $B/exports
	@echo "  LINK  $@"
	@$(CC) $(ALL_CFLAGS) -o $@ $(CMD_OBJ) @$B/exports $(LIB) $(LIBS)

# A program shows its modules the functions that they use and no others.
$B/exports: $(LIB) $(MODULE_OBJ) mk/exports.sh $B/flags $B/cuda_flags
	@mk/exports.sh $@ $(LIB) $(MODULE_OBJ)
$B/signsgd-mpi.so: $(MPI_OBJ)
	@echo "  LINK  $@"
	@$(CC) $(ALL_CFLAGS) -shared -o $@ $(MPI_OBJ) $(MPI_LIBS)
# exclude-libs: what the runtime shows is nobody else's.
$B/signsgd-cuda.so: $(CUDA_OBJ)
	@echo "  LINK  $@"
	@$(CC) $(ALL_CFLAGS) -shared -Wl,--exclude-libs,ALL -o $@ $(CUDA_OBJ) $(CUDA_LIBS) -lm

$(LIB): $(LIB_OBJ) $B/cmd.a
	@rm -f $@ && ar qcs $@ $(LIB_OBJ)
$B/cmd.a: $(CMD_LIB_OBJ)
	@rm -f $@ && ar qcs $@ $(CMD_LIB_OBJ)
$(NETLAB): $(NETLAB_OBJ)
	@rm -f $@ && ar qcs $@ $(NETLAB_OBJ)

$B/%.o: %.c $B/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) $(LEVEL) $(DEFINES) -MMD -MP -c -o $@ $<

# Registers and spills of every kernel, which ptxas tells, are kept beside the object (tests/backend/test_ptxas.c);
# what else is said is shown.
$B/%.cu.o: %.cu $B/cuda_flags
	@mkdir -p $(@D)
	@echo "  NVCC  $<"
	@$(CUDA_CC) $(CUDA_FLAGS) -I. -Isrc -MMD -MP -MF $(@:.o=.d) -c -o $@ $< >$(@:.o=.ptxas) 2>&1; code=$$?; \
	  grep -v -e '^ptxas info ' -e ' bytes stack frame, ' $(@:.o=.ptxas) >&2; exit $$code

$B/src/base/version.o: DEFINES = -DSIGNSGD_VERSION='"$(VERSION)"' -DSIGNSGD_COMMIT='"$(COMMIT)"'
$B/src/base/version.o: $B/commit
$B/src/base/module.o: DEFINES = -DSIGNSGD_BUILD_DIR='"$B"' -DSIGNSGD_MODULES_DIR='"$(PREFIX)/lib/signsgd"'
$B/src/base/module.o: $B/prefix
$B/src/transport/mpi/%.o: DEFINES = $(patsubst -I%,-isystem %,$(MPI_CFLAGS)) -fPIC -fvisibility=hidden \
  -DSIGNSGD_VERSION='"$(VERSION)"' -DSIGNSGD_COMMIT='"$(COMMIT)"'
$B/src/transport/mpi/mpi.o: $B/commit
$B/src/backend/cuda/%.o $B/src/transport/nccl/%.o: DEFINES = $(CUDA_INCLUDE) -fPIC -fvisibility=hidden -DSIGNSGD_CUDA_ARCHS='"$(CUDA_ARCHS)"' \
  -DSIGNSGD_VERSION='"$(VERSION)"' -DSIGNSGD_COMMIT='"$(COMMIT)"'
$B/src/backend/cuda/cuda.o $B/src/transport/nccl/nccl.o: $B/commit
$(CUDA_OBJ) $B/src/backend/cuda_row.o $B/src/transport/nccl_row.o: $B/cuda_flags
$B/src/backend/cuda_row.o $B/src/transport/nccl_row.o: DEFINES = $(if $(CUDA_CC),-DSIGNSGD_CUDA='"$(CUDA_NAME)"')
$B/src/transport/mpi_row.o: DEFINES = $(if $(MPI_LIBS),-DSIGNSGD_MPI='"$(MPI_NAME)"')
$B/src/backend/cpu/blas_library.o: DEFINES = $(if $(BLAS_SONAME),-DSIGNSGD_BLAS='"$(BLAS_SONAME)"')
$B/src/registry.o: DEFINES = $(if $(MPI_LIBS),-DSIGNSGD_MPI)
$B/cmd/ui/scripts.o: DEFINES = -DSIGNSGD_SHARE_DIR='"$(PREFIX)/share/signsgd"'
$B/cmd/ui/scripts.o: $B/prefix

# Changes only when its content would: what depends on it is rebuilt then and only then. Says once what was found.
COMMIT = $(shell mk/commit.sh)
$B/commit: FORCE
	@mkdir -p $B; echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' > $@
$B/prefix: FORCE
	@mkdir -p $B; echo '$(PREFIX)' | cmp -s - $@ || echo '$(PREFIX)' > $@
FLAGS = $(CC) $(ALL_CFLAGS) $(MPI_CFLAGS) $(MPI_LIBS) $(MPI_NAME)
$B/flags: FORCE
	@mkdir -p $B; echo '$(FLAGS)' | cmp -s - $@ || { echo '$(FLAGS)' > $@; \
	  echo "found: $$($(CC) --version | head -n 1)"; \
	  for p in $(PACKAGES); do echo "found: $$p $$(pkg-config --modversion $$p)"; done; \
	  echo "found: $(if $(MPI_LIBS),MPI by $(MPICC),no MPI: there will be no transport mpi)"; }
# A module of an earlier build with other choices must not be opened.
ALL_CUDA_FLAGS = $(CUDA_CC) $(CUDA_FLAGS) $(CUDA_INCLUDE) $(CUDA_LIBS) $(CUDA_NAME) $(CUDA_ARCHS)
$B/cuda_flags: FORCE
	@mkdir -p $B; echo '$(ALL_CUDA_FLAGS)' | cmp -s - $@ || { echo '$(ALL_CUDA_FLAGS)' > $@; \
	  $(if $(CUDA_CC),,rm -f $B/signsgd-cuda.so;) \
	  echo "found: $(if $(CUDA_CC),$(CUDA_NAME) by $(CUDA_CC) for architectures $(CUDA_ARCHS),$(or $(CUDA_FOUND),no CUDA): the backend cuda will only say so)"; }

-include $(LIB_OBJ:.o=.d) $(MPI_OBJ:.o=.d) $(CUDA_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(SUPPORT_OBJ:.o=.d) $(NETLAB_OBJ:.o=.d) $B/tests/netlab/main.d $(TESTS:=.d) $(PLAINS:=.d) $(wildcard build/fuzz/*.d)

# --- the two commands ---------------------------------------------------------------------------------

setup:
	@mk/setup.sh build figures test

# As many compilers at once as there are cores, unless -j says otherwise.
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))

demo:
	@mk/setup.sh build figures
	@$(MAKE) $(PARALLEL) all
	@$(MAKE) run-demo

run-demo:
	./signsgd simulate experiments/demo.json --out demo/ --overwrite
	@rm -f demo.png # of an earlier version, without the mark by which figures are known
	./signsgd plot curves demo/*.h5 -o demo.png --y test_accuracy --title "Seven workers, 0 to 3 of them inverting their votes"
	@echo "The figure is demo.png; the results are in demo/ (try: ./signsgd show demo/*.h5)."

test:
	@mk/setup.sh build figures test
	@$(MAKE) $(PARALLEL) run-tests

# What CI has time for: threads, and the rooms that read foreign bytes, cut memory themselves, or make something
# of messages. The whole suite is `make test SANITIZE=address`, and `undefined` likewise: half an hour each.
SANITIZED_ROOMS := adversary aggregator backend base compressor config data data/fetch data/image data/text experiment h5 \
                   models/graph optimizer record transport/keys transport transport/zmq
test-sanitized:
	@mk/setup.sh build figures test
	@$(MAKE) $(PARALLEL) SANITIZE=thread run-tests
	@$(MAKE) $(PARALLEL) SANITIZE=address,undefined VARIANT=sanitized ROOMS="$(SANITIZED_ROOMS)" run-tests

# --- the papers, reproduced -----------------------------------------------------------------------------

# `make papers`: all of experiments/papers/; `make paper-NAME`: one. ARGS are more options of `simulate`.
PAPERS := $(basename $(notdir $(sort $(wildcard experiments/papers/*.json))))
.PHONY: $(PAPERS:%=paper-%)

papers: all
	@ARGS="$(ARGS)" mk/papers.sh ./signsgd $(PAPERS)
$(PAPERS:%=paper-%): paper-%: all
	@ARGS="$(ARGS)" mk/papers.sh ./signsgd $*

# --- tests --------------------------------------------------------------------------------------------

CRITERION = $(shell pkg-config --cflags --libs criterion 2>/dev/null)

# Helpers that tests share. A program takes what it uses, so that a plain program stays without Criterion.
$(SUPPORT): $(SUPPORT_OBJ)
	@rm -f $@ && ar qcs $@ $(SUPPORT_OBJ)
$(SUPPORT_OBJ): DEFINES = -Wno-pedantic $(shell pkg-config --cflags criterion 2>/dev/null)

$B/tests/%: tests/%.c $(SUPPORT) $(LIB) $B/cmd.a $B/exports $B/flags
	@mkdir -p $(@D)
	@echo "  TEST  $<"
	@$(CC) $(ALL_CFLAGS) -Wno-pedantic -MMD -MP -MF $@.d -o $@ $< $(SUPPORT) $(EXTRA) @$B/exports $B/cmd.a $(LIB) $(LIBS) $(if $(findstring /plain_,$@),,$(CRITERION))

$B/tests/netlab/test_net: EXTRA = $(NETLAB)
$B/tests/netlab/test_net: $(NETLAB) $B/tests/netlab/bench_net

# Criterion does not start under the thread sanitizer: there the plain programs are the suite.
ifeq ($(SANITIZE),thread)
SUITE := $(PLAINS)
else
SUITE := $(TESTS) $(PLAINS)
endif
ifdef T
SUITE := $(filter %/test_$(T) %/plain_$(T),$(SUITE))
endif
ifdef ROOMS
SUITE := $(filter $(ROOMS:%=$B/tests/%/test_%),$(SUITE)) $(filter $(ROOMS:%=$B/tests/%/plain_%),$(SUITE))
endif

# A day of faults: machines, links and peers of a served run fail on a schedule (tests/faults/day.c). At most
# 5 minutes; FAULT_S seconds of faults, FAULT_SEED to repeat a day (0: another one). Then ASK_S seconds, to
# measure what requests without end cost the honest (tests/faults/cost.c).
FAULT_S    ?= 45
ASK_S      ?= 36
FAULT_SEED ?= 0
FAULT_SRC  := $(wildcard tests/faults/*.c)

$B/tests/fault_day: $(FAULT_SRC) tests/faults/day.h $(NETLAB) $(LIB) $B/flags
	@mkdir -p $(@D)
	@echo "  TEST  $@"
	@$(CC) $(ALL_CFLAGS) -o $@ $(FAULT_SRC) $(NETLAB) $(LIB) $(LIBS)

test-faults:
	@mk/setup.sh build test
	@$(MAKE) $(PARALLEL) run-faults

run-faults: all $B/tests/fault_day
	@SIGNSGD_BIN="$(CURDIR)/$B/signsgd" timeout -k 10 300 $B/tests/fault_day $(FAULT_S) $(FAULT_SEED)
	@SIGNSGD_BIN="$(CURDIR)/$B/signsgd" timeout -k 10 300 $B/tests/fault_day $(ASK_S) ask

# One step of every model on memory that only kernels can touch (tests/train/test_guarded.c has the suite's share).
test-guarded:
	@mk/setup.sh build test
	@$(MAKE) $(PARALLEL) run-guarded

run-guarded: all $B/tests/guarded/models
	@SIGNSGD_BIN="$(CURDIR)/$B/signsgd" $B/tests/guarded/models

# --- a stand-in for a GPU -----------------------------------------------------------------------------

# EMULATED_CUDA=1: the module of the backend `cuda` for the processor. Kernels are compiled as C++, the runtime and
# the libraries are those of tests/cuda (tests/cuda/emulated.h). It is the variant `emulated`, and no other's tests.
ifdef EMULATED_CUDA
EMULATED_RUNTIME := $(firstword $(CUDA_LIBS))
$B/signsgd-cuda.so: $(EMULATED_RUNTIME)
EMULATED_LIBRARIES := $B/cuda/libcublas.so.13 $B/cuda/libcudnn.so.9 $B/cuda/libnccl.so.2
# Tests of the stand-in itself are programs that use it without the module.
STAND_IN_TESTS   := $B/tests/cuda/test_stand_in $B/tests/cuda/test_kernels
STAND_IN_OBJ     := $B/tests/cuda/stand_in_help.o $B/tests/cuda/stand_in_kernels.cu.o
TEST_ENV := SIGNSGD_CUDA_PATH="$(CURDIR)/$B/cuda" SIGNSGD_MODULES="$(CURDIR)/$B"

all: $(EMULATED_LIBRARIES)

$B/tests/cuda/%.o: DEFINES = -fPIC -Wno-pedantic $(CUDA_INCLUDE)
$B/tests/cuda/stand_in_cu%.o $B/tests/cuda/stand_in_nccl%.o: DEFINES = -fPIC -fvisibility=hidden $(CUDA_INCLUDE)
$B/tests/cuda/test_%: EXTRA = $(CUDA_INCLUDE)
$(STAND_IN_TESTS): $(STAND_IN_OBJ) $(EMULATED_RUNTIME)
$(STAND_IN_TESTS): EXTRA = $(CUDA_INCLUDE) $(STAND_IN_OBJ) $(SUPPORT) $(EMULATED_RUNTIME) \
  -Wl,-rpath,$(CURDIR)/$B
$(EMULATED_RUNTIME): $(patsubst %.c,$B/%.o,$(wildcard tests/cuda/emulated_*.c))
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,$(@F) -o $@ $^
$B/cuda/libcublas.so.13: $(patsubst %.c,$B/%.o,$(wildcard tests/cuda/stand_in_cublas*.c))
$B/cuda/libcudnn.so.9: $(patsubst %.c,$B/%.o,$(wildcard tests/cuda/stand_in_cudnn*.c))
$B/cuda/libnccl.so.2: $(patsubst %.c,$B/%.o,$(wildcard tests/cuda/stand_in_nccl*.c))
$(EMULATED_LIBRARIES): $(EMULATED_RUNTIME)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(ALL_CFLAGS) -shared -o $@ $(filter %.o,$^) $(EMULATED_RUNTIME) -Wl,-rpath,\$$ORIGIN/.. -lm
-include $(patsubst %.c,$B/%.d,$(wildcard tests/cuda/*.c)) $B/tests/cuda/stand_in_kernels.cu.d
endif

# One folder and one command to check and measure the backend `cuda` on a machine with a GPU (tests/gpu/run.sh), with
# networks beside golden values where Criterion is.
GPU_KIT := build/gpu-kit
GPU_KIT_TEST := $(if $(CRITERION),$B/tests/cuda/test_golden_nets)
gpu-kit: all $(GPU_KIT_TEST)
	@mk/gpu_kit.sh $B $(GPU_KIT) "$(GPU_KIT_TEST)" $(CC)

# At most 10 minutes on 2 cores.
test-cuda:
	@mk/setup.sh build test
	@$(MAKE) $(PARALLEL) EMULATED_CUDA=1 $(if $(T),,ROOMS=cuda) run-tests

# README's two commands on bare Debian systems, as root; what they said is in build/distros.
test-distros:
	@mk/test_distros.sh $(DISTROS)

# The network laboratory: a program of its own, for root. ARGS are its options (ARGS="--help").
$B/tests/netlab/bench_net: $B/tests/netlab/main.o $(NETLAB) $B/cmd.a $(LIB) $B/signsgd $(MODULES)
	@echo "  LINK  $@"
	@$(CC) $(ALL_CFLAGS) -o $@ $< $(NETLAB) $B/cmd.a $(LIB) $(LIBS)

bench-net: $B/tests/netlab/bench_net
	@$< $(ARGS)

# docs/NETWORK.md is what this prints. WITH_TRAINING=1 trains anew too, which takes minutes.
network-doc: all $B/tests/netlab/bench_net
	@tests/netlab/document.sh $(WITH_TRAINING) >docs/NETWORK.md.tmp && mv docs/NETWORK.md.tmp docs/NETWORK.md

run-tests: all $(SUITE)
	@SIGNSGD_BIN="$(CURDIR)/$B/signsgd" SIGNSGD_VARIANT=$(VARIANT) $(TEST_ENV) tests/run.sh $B $(SUITE)

# For tests that fail now and then: N times, up to the first failure. T=name.
N ?= 20
repeat: all $(SUITE)
	@for i in $$(seq $(N)); do SIGNSGD_BIN="$(CURDIR)/$B/signsgd" SIGNSGD_VARIANT=$(VARIANT) $(TEST_ENV) \
	  tests/run.sh $B $(SUITE) >$B/repeat.log 2>&1 || { cat $B/repeat.log; echo "run $$i of $(N) failed"; exit 1; }; done; \
	  echo "$(N) runs without a failure: $(notdir $(SUITE))"

# --- fuzzing ------------------------------------------------------------------------------------------

FUZZ_S  ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_MAKE := $(MAKE) CC=clang VARIANT=fuzz SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.c tests/fuzz/fuzz.h $(LIB) $B/flags
	@mkdir -p $(@D)
	@echo "  FUZZ  $<"
	@$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ $< tests/fuzz/fuzz.c $B/cmd.a $(LIB) $(LIBS)

fuzzers: $(FUZZERS)

fuzz:
	@mk/setup.sh build fuzz
	@$(FUZZ_MAKE) $(PARALLEL) fuzzers
	@tests/fuzz/run.sh $(FUZZ_S) $(FUZZERS)

# --- house ---------------------------------------------------------------------------------------------

floors: all
	@mk/floors.py $B
# Versions of clang-format disagree about some lines: only this one's word counts.
FORMAT_VERSION := 14
CLANG_FORMAT := $(shell for c in clang-format-$(FORMAT_VERSION) clang-format; do \
  $$c --version 2>/dev/null | grep -q 'version $(FORMAT_VERSION)\.' && { echo $$c; break; }; done)
format:
	@$(if $(CLANG_FORMAT),$(CLANG_FORMAT) -i $(C_FILES),echo "not done: make format wants clang-format $(FORMAT_VERSION), found $$(clang-format --version 2>/dev/null || echo none)"; exit 1)
format-check:
	@$(if $(CLANG_FORMAT),$(CLANG_FORMAT) --dry-run --Werror $(C_FILES),echo "skipped: make format-check wants clang-format $(FORMAT_VERSION), found $$(clang-format --version 2>/dev/null || echo none)"; exit 0) && echo "format: $(words $(C_FILES)) files are as .clang-format says"

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/signsgd/plots \
	  $(DESTDIR)$(PREFIX)/share/signsgd/reports $(DESTDIR)$(PREFIX)/share/signsgd/experiments $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 signsgd $(DESTDIR)$(PREFIX)/bin/signsgd
	$(if $(MODULES),install -d $(DESTDIR)$(PREFIX)/lib/signsgd && install -m 755 $(MODULES) $(DESTDIR)$(PREFIX)/lib/signsgd/)
	install -m 644 docs/signsgd.1 $(DESTDIR)$(PREFIX)/share/man/man1/signsgd.1
	install -m 644 plots/*.py $(DESTDIR)$(PREFIX)/share/signsgd/plots/
	$(if $(wildcard reports/*.py),install -m 644 reports/*.py $(DESTDIR)$(PREFIX)/share/signsgd/reports/)
	install -m 644 experiments/*.json $(DESTDIR)$(PREFIX)/share/signsgd/experiments/
	install -d $(DESTDIR)$(PREFIX)/share/signsgd/experiments/papers
	install -m 644 experiments/papers/*.json $(DESTDIR)$(PREFIX)/share/signsgd/experiments/papers/
	install -m 644 docs/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/signsgd

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/signsgd $(patsubst %,$(DESTDIR)$(PREFIX)/lib/signsgd/signsgd-%.so,mpi cuda) $(DESTDIR)$(PREFIX)/share/man/man1/signsgd.1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/signsgd \
	  $(patsubst %,$(DESTDIR)$(PREFIX)/share/signsgd/%,$(wildcard plots/*.py reports/*.py experiments/*.json experiments/papers/*.json))
	@for d in share/signsgd/plots share/signsgd/reports share/signsgd/experiments/papers share/signsgd/experiments share/signsgd lib/signsgd; do \
	  rmdir "$(DESTDIR)$(PREFIX)/$$d" 2>/dev/null || true; done

# What git knows at the last commit. The file mk/commit names it where there is no repository.
dist:
	git archive --prefix=signsgd-$(VERSION)/ -o signsgd-$(VERSION).tar.gz HEAD
	@echo "signsgd-$(VERSION).tar.gz is there"

clean:
	rm -rf build signsgd
