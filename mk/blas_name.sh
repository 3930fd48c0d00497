#!/bin/sh
# Prints the name by which a program linked to OpenBLAS would look for it, such as libopenblas.so.0: the program
# opens it by that name (src/backend/cpu/blas_library.h). Prints nothing where there is no shared OpenBLAS.
# usage: mk/blas_name.sh COMPILER...
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
# shellcheck disable=SC2046  # a list of options
"$@" -shared -o "$folder/linked.so" -Wl,--no-as-needed -x c /dev/null $(pkg-config --libs openblas) 2>/dev/null
readelf -d "$folder/linked.so" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*blas.*\)\]/\1/p' | head -n 1
