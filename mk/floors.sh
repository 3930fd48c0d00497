#!/bin/sh
# The include law: a file includes only from floors below its own, or from its own folder's interface.
# Floors: docs/ARCHITECTURE.md. Foreign libraries have one door each.
set -eu
cd "$(dirname "$0")/.."
awk '
function floor(f) {
	if (f ~ /^cmd\//) return 6
	if (f ~ /^src\/(registry|worker)\.[ch]$/) return 4
	if (f ~ /^src\/(record|record_[a-z]+|checkpoint|schedule)\.[ch]$/) return 3
	if (f ~ /^src\/(agg|transport)\// || f ~ /^(models|adversary|data)\//) return 3
	if (f ~ /^src\/backend\//) return 2
	if (f ~ /^src\/base\//) return 1
	if (f ~ /^src\/[a-z_0-9]+\.[ch]$/) return 5
	return 0
}
function folder(f) { sub(/\/[^\/]*$/, "", f); return f }
function complain(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; bad++ }
function door(header, pattern, where) {
	if ($2 ~ header && FILENAME !~ pattern) complain($2 " belongs behind its door, " where)
}
/^[ \t]*#[ \t]*include/ {
	seen++
	if ($2 ~ /^"/) {
		inc = $2; gsub(/"/, "", inc)
		if (system("test -e " inc) == 0) target = inc
		else if (system("test -e src/" inc) == 0) target = "src/" inc
		else target = folder(FILENAME) "/" inc
		mine = floor(FILENAME); its = floor(target)
		if (its == 0) complain("includes " inc ", which is on no floor")
		else if (its > mine) complain("floor " mine " includes " inc " of floor " its)
		else if (its == mine && folder(target) != folder(FILENAME))
			complain("floor " mine " includes " inc " of its own floor in another folder")
		else if (its == 3 && mine == 3 && folder(target) == "src" && its == mine) {
			a = FILENAME; b = target; gsub(/.*\/|(_[a-z]+)?\.[ch]$/, "", a); gsub(/.*\/|(_[a-z]+)?\.[ch]$/, "", b)
			if (a != b) complain("helpers of floor 3 are blind to each other: " inc)
		}
	}
	door("cJSON", "^src/base/json", "src/base/json.c")
	door("hdf5", "^src/base/h5", "src/base/h5.c")
	door("cblas|openblas", "^src/backend/cpu_", "src/backend/cpu_blas.c")
	door("dnnl\\.h>$|oneapi", "^src/backend/cpu_dnnl", "src/backend/cpu_dnnl*.c")
	door("openssl", "^src/base/sha256", "src/base/sha256.c")
	door("curl", "^data/", "data/")
	door("jpeglib|jerror|png\\.h", "^(data/picture_|tests/)", "data/picture_*.c")
	door("zlib", "^(data/|src/base/h5)", "data/ and src/base/h5*.c (checksums)")
	door("cuda|cublas|cudnn", "^src/backend/cuda", "src/backend/cuda*.cu")
	door("^<mpi\\.h", "^src/transport/mpi", "src/transport/mpi*.c")
	door("^<zmq", "^src/transport/", "src/transport/")
	door("criterion", "^tests/", "tests/")
}
END { if (bad) { print bad " includes break the law of floors"; exit 1 } printf "floors: %d includes keep the law\n", seen }
' $(find src models adversary data cmd -name '*.[ch]' | sort)
