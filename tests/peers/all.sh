#!/bin/bash
# The tables of docs/PERFORMANCE.md, as Markdown on standard output: the same work elsewhere, steps beside their
# bytes, growth, memory. What each measures on the way goes to standard error. About 12 minutes; keep the machine
# idle meanwhile. $PYTHON (default: python3) needs torch, torchvision, numpy, h5py, byzfl.
# usage: tests/peers/all.sh [--quick] [--fuse K] [PART]...
# parts: cnn resnet20 resnet18 mlp qrnn byzfl toy sign step growth memory; all of them when none is named
set -u
cd "$(dirname "$0")/../.." || exit 1
peers=(cnn resnet20 resnet18 mlp qrnn byzfl toy sign)
others=(step growth memory)
python=${PYTHON:-python3} fuse=1 failed=0 wanted=()
rounds=(--seconds 2 --rounds 5) growth=(--seconds 1.5) step=(--seconds 5) rounds_of_long=3
while [ $# -gt 0 ]; do
	case $1 in
	--quick) rounds=(--seconds 0.3 --rounds 1) growth=(--seconds 0.2) step=(--seconds 0.5) rounds_of_long=1 ;;
	--fuse) fuse=${2:?--fuse wants a number} && shift ;;
	*) wanted+=("$1") ;;
	esac
	shift
done
for part in "${wanted[@]}"; do
	[[ " ${peers[*]} ${others[*]} " == *" $part "* ]] && continue
	echo "all.sh: no part '$part'; there are: ${peers[*]} ${others[*]}" >&2
	exit 2
done
[ ${#wanted[@]} -gt 0 ] || wanted=("${peers[@]}" "${others[@]}")

absent=$("$python" -c 'if True:
	import importlib.util, sys
	print(*(m for m in sys.argv[1:] if importlib.util.find_spec(m) is None), sep=", ")
' torch torchvision numpy h5py byzfl) || exit 2
if [ -n "$absent" ]; then
	echo "all.sh: $python has no $absent; PYTHON names a Python that has all that the parts need" >&2
	exit 2
fi

is_wanted() {
	[[ " ${wanted[*]} " == *" $1 "* ]]
}

# A part that fails is named, and the others go on.
script() {
	local name=$1
	shift
	"$python" "tests/peers/$name.py" "$@" && return
	echo "all.sh: $name.py failed" >&2
	failed=1
}

measure_peer() {
	case $1 in
	cnn | resnet20) script bench_nets --nets "$1" "${rounds[@]}" ;;
	resnet18) script bench_nets --nets "$1" "${rounds[@]}" --rounds "$rounds_of_long" ;;
	byzfl) script bench_byzfl --fuse "$fuse" "${rounds[@]}" ;;
	mlp | qrnn) script "bench_$1" --fuse "$fuse" "${rounds[@]}" ;;
	toy) script bench_toy "${rounds[@]}" ;;
	sign) script bench_sign ;;
	esac
}

script versions
echo
header=
for part in "${peers[@]}"; do
	is_wanted "$part" || continue
	[ -n "$header" ] || printf '%s\n' '| work | peer | signsgd | median ratio (range) | of the own sgemm |' \
		'| --- | --- | --- | --- | --- |'
	header=shown
	measure_peer "$part"
done
for part in "${others[@]}"; do
	is_wanted "$part" || continue
	[ "$part" = growth ] || echo
	case $part in
	step) script bench_step "${step[@]}" ;;
	growth) script bench_growth "${growth[@]}" ;;
	memory) script bench_memory ;;
	esac
done
exit $failed
