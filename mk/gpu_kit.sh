#!/bin/bash
# One folder to try the program on a machine with a GPU: the program, its module for it, the shared libraries that
# these need (not CUDA's), what is compared, and run.sh, which does all of it. At most 60 MiB.
# usage: mk/gpu_kit.sh BUILD FOLDER TEST COMPILER      TEST: the program that compares networks with golden values, or ""
#   Libraries are packed, and unpacked beside the program when run.sh first runs. Those of the C library are apart: they
#   are used only where the machine's own is too old for the program.
set -euo pipefail
build=$1 folder=$2 test=$3
shift 3
most=$((60 * 1024))

[ -e "$build/signsgd-cuda.so" ] || {
	echo "not done: the module signsgd-cuda.so is not in $build; make gpu-kit wants a CUDA toolkit (docs/CUDA.md)" >&2
	exit 1
}
rm -rf "$folder"
mkdir -p "$folder/libraries/system"
for file in signsgd signsgd-cuda.so; do
	cp "$build/$file" "$folder/$file"
	strip --strip-unneeded "$folder/$file"
done

blas=$(mk/blas_name.sh "$@")
needed() { # the libraries of files, and of these
	ldd "$@" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^\t\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p' | sort -u
}
for library in $(needed "$build/signsgd" "$build/signsgd-cuda.so" ${test:+"$test"}) $(ldconfig -p | sed -n "s/.*$blas .*=> //p" | head -n 1); do
	case ${library##*/} in
	libcuda* | libcublas* | libcudnn* | libnccl* | libnvidia*) [[ $library == *emulated* ]] || continue ;;
	esac
	case ${library##*/} in
	ld-linux* | libc.so* | libm.so* | libpthread.so* | libdl.so* | librt.so* | libresolv.so*)
		cp -L "$library" "$folder/libraries/system/" ;;
	*) cp -L "$library" "$folder/libraries/" ;;
	esac
done
[ -z "$blas" ] || for library in $(needed "$folder/libraries/$blas"); do
	case ${library##*/} in
	ld-linux* | libc.so* | libm.so* | libpthread.so*) ;;
	*) [ -e "$folder/libraries/${library##*/}" ] || cp -L "$library" "$folder/libraries/" ;;
	esac
done
(cd "$folder" && tar -czf libraries.tar.gz libraries && rm -rf libraries)

mkdir -p "$folder/tests/golden"
cp tests/golden/nets.h5 "$folder/tests/golden/"
[ -z "$test" ] || { cp "$test" "$folder/" && strip --strip-unneeded "$folder/${test##*/}"; }
cp tests/gpu/*.py tests/gpu/run.sh tests/peers/torch_nets.py "$folder/"
"$build/signsgd" version >"$folder/version.txt"

size=$(du -sk "$folder" | cut -f 1)
echo "$folder: $((size / 1024)) MiB; on a machine with a GPU: ./run.sh"
[ "$size" -le "$most" ] || {
	echo "not done: the folder has $size KiB, expected at most $most" >&2
	exit 1
}
