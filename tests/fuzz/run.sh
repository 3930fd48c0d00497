#!/bin/sh
# Fuzz each door for a bounded time: tests/fuzz/run.sh SECONDS PROGRAM... What is found stays in build/fuzz/found.
set -eu
seconds=$1
shift
for program in "$@"; do
	door=${program##*/fuzz_}
	grown=build/fuzz/corpus/$door found=build/fuzz/found/$door
	mkdir -p "$grown" "$found"
	echo "fuzzing $door for $seconds s"
	"$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
		-artifact_prefix="$found/" "$grown" "tests/fuzz/corpus/$door"
done
echo "fuzzed $# doors for $seconds s each: nothing found"
