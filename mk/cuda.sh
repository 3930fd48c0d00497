#!/bin/sh
# What make wants to know of a CUDA toolkit, as words: release=13.0, include=DIR, lib=DIR, arch=75 (each that kernels
# are made for), and nvcc's own options for these. Or one sentence that begins with "no" and says why there is none.
# usage: mk/cuda.sh NVCC [ARCH...]
#   ARCH   75, sm_75 or 7.5: the architecture of cards of compute capability 7.5. None: all from 70 on that nvcc knows.
#          `one`: 90 where nvcc knows it, else the newest. The newest is also there as PTX, for cards that come later.
set -eu
nvcc=$1
shift

# --dryrun prints what nvcc would run, and where its profile says that headers and libraries are.
run=$("$nvcc" --dryrun -x cu /dev/null -o /dev/null 2>&1) || {
	echo "no CUDA: $nvcc does not work"
	exit
}
host=$(printf '%s\n' "$run" | sed -n 's/^#\$ \([^ ]*\) .*-D__CUDACC_VER_MAJOR__.*/\1/p' | tr -d '"' | head -n 1)
release=$(printf '%s\n' "$run" |
	sed -n 's/.*-D__CUDACC_VER_MAJOR__=\([0-9]*\) .*-D__CUDACC_VER_MINOR__=\([0-9]*\) .*/\1.\2/p' | head -n 1)
[ "$("${host:-g++}" -print-prog-name=cc1plus 2>/dev/null || echo cc1plus)" != cc1plus ] || {
	echo "no CUDA: $nvcc wants a C++ compiler, and ${host:-g++} is none (package g++)"
	exit
}

known=$("$nvcc" --list-gpu-code 2>/dev/null | sed -n 's/^sm_\([0-9]*\)$/\1/p' | awk '$1 >= 70' | sort -n | tr '\n' ' ')
newest=${known% } newest=${newest##* }
wanted=
for arch in ${*:-$known}; do
	arch=$(printf '%s' "${arch#sm_}" | tr -d .)
	[ "$arch" != one ] || case " $known" in *" 90 "*) arch=90 ;; *) arch=$newest ;; esac
	case " $known" in
	*" $arch "*) wanted="$wanted$arch " ;;
	*)
		echo "no CUDA: CUDA_ARCH has $arch, and $nvcc knows ${known% }"
		exit
		;;
	esac
done
wanted=$(printf '%s' "$wanted" | tr ' ' '\n' | sort -nu)

# A folder that the compiler searches anyway is named by nobody: Debian's own toolkit.
folder() {
	printf '%s\n' "$run" | sed -n "s/^#\\\$ $1= *//p" | tr -d '"' | tr ' ' '\n' | sed -n "s/^$2//p" |
		grep -v '/stubs$' | head -n 1
}
echo "release=$release"
for include in $(folder INCLUDES -I); do echo "include=$include"; done
for lib in $(folder LIBRARIES -L); do echo "lib=$lib"; done
for arch in $wanted; do
	echo "arch=$arch"
	last=$arch
done
for arch in $wanted; do
	[ "$arch" != "$last" ] || arch_code="[sm_$arch,compute_$arch]"
	[ "$arch" = "$last" ] || arch_code=sm_$arch
	echo "-gencode=arch=compute_$arch,code=$arch_code"
done
