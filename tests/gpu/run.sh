#!/bin/bash
# All that can be said of the backend `cuda` on this machine, in at most 8 minutes, from a folder that `make gpu-kit`
# has made: is every kernel right, and how fast is what, beside a yardstick of the same run. A table comes last.
# usage: ./run.sh [--small] [OUT]      --small: a try of the script itself, with sizes for any machine
#   Wants NVIDIA's driver, cuBLAS and cuDNN (a CUDA toolkit, or PyTorch's packages), and python3; PyTorch for the parts
#   that compare with it. A part that fails or takes too long says so, and the others go on.
#   Exit code: 0 when no part failed; 1 there is no GPU, or one has failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
small=
[ "${1:-}" != --small ] || { small=yes && shift; }
out=$(realpath -m "${1:-$here/out}")
mkdir -p "$out"
[ -n "${PART:-}" ] || rm -f "$out"/*.json "$out"/*.log "$out"/*.h5
export KIT="$here" OUT="$out" SMALL="$small" SIGNSGD_MODULES="$here"

# --- the program ------------------------------------------------------------------------------------------------------

[ -d "$here/libraries" ] || tar -xzf "$here/libraries.tar.gz" -C "$here" || exit 1
native=(env "LD_LIBRARY_PATH=$here/libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$here/signsgd")
loader=("$(echo "$here"/libraries/system/ld-linux*)" --library-path "$here/libraries/system:$here/libraries:${LD_LIBRARY_PATH:-}"
	"$here/signsgd")
if "${native[@]}" version >/dev/null 2>&1; then
	program=("${native[@]}")
else # the C library here is older than the one that the program was built with
	program=("${loader[@]}")
fi
printf '#!/bin/sh\nexec' >"$out/signsgd"
printf " '%s'" "${program[@]}" >>"$out/signsgd"
printf ' "$@"\n' >>"$out/signsgd"
chmod +x "$out/signsgd"
export SIGNSGD="$out/signsgd"

# Where cuBLAS and cuDNN may be, beside where the loader looks.
packages=$(python3 -c 'import site; print(":".join(site.getsitepackages() + [site.getusersitepackages()]))' 2>/dev/null)
export SIGNSGD_CUDA_PATH="${SIGNSGD_CUDA_PATH:+$SIGNSGD_CUDA_PATH:}${CUDA_HOME:+$CUDA_HOME/lib64:}$packages:/usr/local/cuda/lib64"

# --- parts ------------------------------------------------------------------------------------------------------------

part_check() { # every kernel and layer against its definition
	"$SIGNSGD" check --backend cuda --json >"$OUT/check.json"
}

part_golden() { # networks against values of PyTorch in double precision
	[ -x "$KIT/test_golden_nets" ] || { echo "skipped: the kit was made without Criterion" && return 77; }
	cd "$KIT" && LD_LIBRARY_PATH="$KIT/libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" ./test_golden_nets --quiet
}

sign_kernels="sign_pack majority sign_apply momentum_pack"

sanitize() {
	local tool kernel
	tool=$(command -v compute-sanitizer || ls "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer" 2>/dev/null)
	[ -n "$tool" ] || { echo "skipped: there is no compute-sanitizer" && return 77; }
	for kernel in $sign_kernels; do
		"$tool" --tool "$1" --error-exitcode 9 "$SIGNSGD" bench --backend cuda --kernel "$kernel" -n 4096 --seconds 0.01 \
			|| return 1
	done
}

part_memcheck() { sanitize memcheck; }
part_racecheck() { sanitize racecheck; }

part_kernels() { # beside a copy within the device's memory, in turn
	local n kernel seconds=1
	[ -z "$SMALL" ] || seconds=0.01
	for n in ${SMALL:+4096} $([ -n "$SMALL" ] || echo 25600000 270000); do
		for kernel in $sign_kernels; do
			"$SIGNSGD" bench --backend cuda --kernel "$kernel" -n "$n" --seconds "$seconds" --json >>"$OUT/kernels.json" || return 1
		done
	done
}

part_models() { python3 "$KIT/models.py"; }
part_mlp() { python3 "$KIT/mlp.py"; }
part_steps() { python3 "$KIT/steps.py"; }
part_rules() { python3 "$KIT/rules.py"; }

# Seconds that each may take; together less than eight minutes.
parts="check:90 golden:20 memcheck:25 racecheck:25 kernels:50 models:120 mlp:20 steps:60 rules:60"

if [ -n "${PART:-}" ]; then
	"part_$PART"
	exit
fi

"$SIGNSGD" version --devices >"$out/devices.log" 2>&1
cat "$out/devices.log"
if ! grep -q '^ *GPU [0-9]' "$out/devices.log"; then
	echo "no GPU: $(sed -n 's/^ *GPU  *//p' "$out/devices.log" | head -n 1)"
	exit 1
fi
nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,power.limit --format=csv,noheader 2>/dev/null

failed=0
for named in $parts; do
	part=${named%:*} budget=${named#*:}
	[ -z "$small" ] || budget=$((8 * budget)) # any machine may be slow
	begin=$(date +%s)
	PART=$part timeout -k 5 "$budget" "$0" ${small:+--small} "$out" >"$out/$part.log" 2>&1 </dev/null
	code=$?
	case $code in
	0) said="done" ;;
	77) said=$(tail -n 1 "$out/$part.log") ;;
	124 | 137) said="failed: it took more than $budget s" ;;
	*) said="failed (exit code $code): $(tail -n 1 "$out/$part.log" | cut -c 1-300)" ;;
	esac
	[[ $said != failed* ]] || failed=1
	echo "$part: $said ($(($(date +%s) - begin)) s)"
	echo "$part: $said" >>"$out/parts.log"
done
python3 "$here/table.py" || failed=1
exit $failed
