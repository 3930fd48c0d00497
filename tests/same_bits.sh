#!/bin/bash
# Did a change to the code change a number? Or the speed?
#
#   tests/same_bits.sh [--only WORD] COMMIT        results of COMMIT and of this tree, bit for bit
#   tests/same_bits.sh --bench [--pairs N] COMMIT  their speeds, in turn, N times (default 5); idle machines only
#
# For changes that must change nothing: before a rename, a move or a rewrite is merged, run this against the
# commit before it. COMMIT is built in a temporary worktree; a folder that holds a checkout of it will do too,
# and is built where it is. Each case runs in three ways (`simulate`, `train --processes 3`, `train` under
# mpirun with 2 processes), by the old program from the old tree's experiment files and by the new one from this
# tree's, or from files that this script writes with keys that stay. Compared are /final, /steps, /evals, /probes
# and /voters; not times, bytes of a server's sockets, /faults, attributes, texts and ids. What the old file has
# the new one must have; it may have more. Exit code: 0 all the same, 1 not, 2 it could not be found out.
#
# Not a part of `make test`: bits depend on the processor and its libraries, so that there is nothing to keep,
# and two builds are needed. Needs a python3 with h5py (SIGNSGD_PYTHON), and for some cases data under
# SIGNSGD_DATA: tinyshakespeare, and cifar-10-batches-bin or cifar-10-exact-subset.
set -u
cd "$(dirname "$0")/.." || exit 2
here=$PWD helper=$PWD/tests/same_bits.py

die() { echo "same_bits: $*" >&2 && exit 2; }

bench='' pairs=5 only=''
while [[ ${1:-} == --* ]]; do
	case $1 in
	--bench) bench=yes ;;
	--pairs) pairs=${2:-} && shift ;;
	--only) only=${2:-} && shift ;; # cases whose name has this in it
	*) die "there is no option $1 (--only WORD, --bench, --pairs N)" ;;
	esac
	shift
done
[ $# -eq 1 ] || die "usage: tests/same_bits.sh [--only WORD | --bench [--pairs N]] COMMIT"
[[ $pairs =~ ^[1-9][0-9]*$ ]] || die "--pairs: '$pairs' is no number of pairs"

python=${SIGNSGD_PYTHON:-$(tests/find_python.sh)}
[ -n "$python" ] || die "needs a python3 with h5py (tests/find_python.sh found none); SIGNSGD_PYTHON names one"
SIGNSGD_DATA=${SIGNSGD_DATA:-$(cd ../shared/data 2>/dev/null && pwd)}
export SIGNSGD_DATA OPENBLAS_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

tmp=$(mktemp -d "${TMPDIR:-/tmp}/same-bits-XXXXXX") || exit 2
trap '[ ! -e "$tmp/tree" ] || git -C "$here" worktree remove --force "$tmp/tree"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# --- both programs -------------------------------------------------------------------------------------

declare -A tree=([old]=$tmp/tree [new]=$here)
if [ -d "$1" ]; then
	tree[old]=$(cd "$1" && pwd)
else
	git worktree add --quiet --detach "$tmp/tree" "$1" || die "no worktree of $1"
fi
for side in old new; do
	echo "building ${tree[$side]}"
	make -C "${tree[$side]}" -j"$(nproc)" all >"$tmp/make" 2>&1 || die "no build: $(tail -n 20 "$tmp/make")"
	"${tree[$side]}/build/release/signsgd" version | head -n 1
done
start=$SECONDS

# SIDE ARGS: in that side's tree
program() { (cd "${tree[$1]}" && exec build/release/signsgd "${@:2}"); }
mpi() { (cd "${tree[$1]}" && exec mpirun --oversubscribe -n 2 build/release/signsgd "${@:2}"); }

ways=(simulate train)
if { command -v mpirun && program old list transports mpi && program new list transports mpi; } >"$tmp/said" 2>&1; then
	ways+=(mpirun)
else
	echo "skipped: mpirun (not here, or built without MPI)"
fi

file() { # NAME KEY=VALUE...: experiments/NAME.json of both trees as one run, to $tmp/{old,new}.json
	for side in old new; do
		"$python" "$helper" point "${tree[$side]}/experiments/$1.json" "${@:2}" >"$tmp/$side.json" || die "$1"
	done
}

# --- speed ---------------------------------------------------------------------------------------------

take() { # ITEM COMMAND...: its seconds, old and new
	for side in old new; do
		"${@:2:1}" "$side" "${@:3}" 2>"$tmp/err" >"$tmp/rows" || die "$1, $side: $(tail -n 1 "$tmp/err")"
		"$python" "$helper" seconds "$1" <"$tmp/rows" | sed "s/^/$side /" >>"$tmp/times"
	done
}

whole() { # SIDE: the run of $tmp/SIDE.json
	program "$1" simulate "$tmp/$1.json" --out "$tmp/run.h5" --overwrite --quiet --json
}

if [ -n "$bench" ]; then
	echo "timing $pairs pairs on: $(uptime)"
	for ((i = 1; i <= pairs; i++)); do
		for kernel in sign_pack majority sign_apply; do
			take "$kernel" program bench --kernel "$kernel" -n 1000000 --seconds 0.2 --json
		done
		take resnet20,batch=32 program bench model resnet20 --batch 32 --seconds 2 --json
		file fig1-toy workers=27 adversaries.count=13 steps=20000 eval.every=200
		take toy,step whole
		file demo adversaries.count=1 steps=300
		take mlp,step whole
		take round,zmq program bench round --transport zmq --workers 3 -n 1000000 --seconds 1 --json
		[ ${#ways[@]} -lt 3 ] || take round,mpi mpi bench round -n 1000000 --seconds 1 --json
	done
	"$python" "$helper" ratios "$tmp/times"
	echo "$((SECONDS - start)) s"
	exit 0
fi

# --- bits ----------------------------------------------------------------------------------------------

same=0 different=0 skipped=0

run() { # SIDE WAY
	local args=("$tmp/$1.json" --out "$tmp/case/$1-$2.h5" --quiet)
	case $2 in
	simulate) program "$1" simulate "${args[@]}" ;;
	train) program "$1" train --processes 3 "${args[@]}" ;;
	mpirun) mpi "$1" train "${args[@]}" ;;
	esac
}

check() { # CASE: the runs of $tmp/old.json and $tmp/new.json in every way
	local verdict='' begun=$SECONDS
	[[ $1 == *"$only"* ]] || return 0
	rm -rf "$tmp/case" && mkdir "$tmp/case"
	for way in "${ways[@]}"; do
		for side in old new; do
			run $side "$way" >"$tmp/said" 2>&1 && continue
			verdict="DIFFERENT $way: the $side program failed: $(grep -m 1 signsgd: "$tmp/said")"
			break 2
		done
	done
	[ -n "$verdict" ] || verdict=$("$python" "$helper" compare "$tmp/case" "${ways[@]}" 2>&1 | tail -n 1)
	[ "$verdict" = same ] && same=$((same + 1)) || different=$((different + 1))
	printf '%-28s %s  %3s s  %s\n' "$1" "${ways[*]}" $((SECONDS - begun)) "$verdict"
}

skip() { # CASE WHY
	skipped=$((skipped + 1))
	printf '%-28s skipped: %s\n' "$1" "$2"
}

name_in() { # SIDE FAMILY NAME: as that side spells it ('-' or '_'); a spelling that it only accepts is not listed
	program "$1" list "$2" | awk -v n="${3//_/-}" '/^  [a-z]/ {k = $1; gsub("_", "-", k); if (k == n) m = $1} END {print m ? m : n}'
}

small() { # FAMILY NAME: a short run with that attack or aggregator
	local side attack aggregator momentum=0.9
	[ "$2" != adam ] || momentum=0 # it keeps its own
	for side in old new; do
		attack=invert aggregator=vote
		declare "$1=$(name_in $side "${1}s" "$2")"
		cat >"$tmp/$side.json" <<-END
			{"name": "small", "seed": 4, "workers": 5, "steps": 40, "batch": 16, "lr": 0.002, "momentum": $momentum,
			 "model": {"kind": "mlp", "hidden": [30]}, "data": {"kind": "glyphs", "train": 700, "test": 100},
			 "aggregator": "$aggregator", "adversaries": {"count": 2, "attack": "$attack"},
			 "eval": {"every": 10, "train": 100}, "record": {"agreement": 10, "margin": 10, "norms": 10}}
		END
	done
	check "$1 $2"
}

cifar=$SIGNSGD_DATA
if [ ! -e "$cifar/cifar-10-batches-bin/test_batch.bin" ] && [ -d "$cifar/cifar-10-exact-subset" ]; then
	cifar=$tmp/data # its images again and again, as many as the whole has
	mkdir -p "$cifar/cifar-10-batches-bin"
	for part in data_batch_{1,2,3,4,5} test_batch; do
		some=$SIGNSGD_DATA/cifar-10-exact-subset/train_0000-3999.bin times=3
		[ "$part" != test_batch ] || some=${some/train_0000-3999/test_0000-0999} times=10
		for ((i = 0; i < times; i++)); do cat "$some"; done |
			head -c 30730000 >"$cifar/cifar-10-batches-bin/$part.bin"
	done
fi

for count in 0 1 2 3; do
	file demo "adversaries.count=$count" && check "demo, $count Byzantine"
done
file fig1-toy workers=27 adversaries.count=13 && check "fig1-toy, 13 of 27"
file fig1-theory adversaries.count=1 steps=100 batch=100 && check "fig1-theory, 1 of 7"
if [ -e "$cifar/cifar-10-batches-bin/test_batch.bin" ]; then
	file fig7-adversaries-small adversaries.count=1 workers=3 batch=32 epochs=0 steps=20 eval.train=200 \
		data.test=200 data.check=false "data_dir=$cifar" && check "resnet20, CIFAR-10"
else
	skip "resnet20, CIFAR-10" "no images under SIGNSGD_DATA"
fi
if [ -d "$SIGNSGD_DATA/tinyshakespeare" ]; then
	for rule in vote adam; do
		file shakespeare-qrnn aggregator=$rule lr=0.002 steps=20 && check "qrnn, Tiny Shakespeare, $rule"
	done
else
	skip "qrnn, Tiny Shakespeare" "no text under SIGNSGD_DATA"
fi
# NAME, and behind it what it sees, where the list says that; what sees a crowd runs where all workers are.
attacks=$(program old list attacks | awk '/^  [a-z]/ && $1 != "attack" {print $1 ":" $3}')
[ -n "$attacks" ] || die "the old program lists no attacks"
all_ways=("${ways[@]}")
for name in $attacks; do
	[ "${name#*:}" != crowd ] || ways=(simulate)
	small attack "${name%%:*}"
	ways=("${all_ways[@]}")
done
for name in mean adam sign-mean; do small aggregator "$name"; done
echo "$same same, $different different, $skipped skipped, $((SECONDS - start)) s"
[ $different -eq 0 ] && [ $same -gt 0 ]
