#!/bin/bash
# Runs test programs, and closes what Criterion leaves open: a program that ran no test fails, a leak fails, a
# program that dies fails. The last line counts: "N passed, N failed, N skipped"; before it, whatever failed is
# named once more, with what Criterion said of it.
# usage: tests/run.sh BUILD_FOLDER PROGRAM...
set -u
logs=$1/logs
shift
rm -rf "$logs"
mkdir -p "$logs"
# A frame on the heap, where gcc 14 looks for a return's use, is not aligned to the 64 bytes that AVX-512 asks for.
ASAN_OPTIONS="detect_stack_use_after_return=0:${ASAN_OPTIONS:-}"
export ASAN_OPTIONS="log_path=$PWD/$logs/asan:detect_leaks=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp:halt_on_error=1:${TSAN_OPTIONS:-}"
export LSAN_OPTIONS="suppressions=$PWD/tests/lsan.supp:print_suppressions=0"
export OPENBLAS_NUM_THREADS=1
SIGNSGD_PYTHON=${SIGNSGD_PYTHON:-$(tests/find_python.sh)}
export SIGNSGD_PYTHON
if [ -z "${SIGNSGD_DATA:-}" ] && [ -d ../shared/data ]; then
	SIGNSGD_DATA=$(cd ../shared/data && pwd)
	export SIGNSGD_DATA
fi
# Tests put the program's path into lines of a shell: it gets one without blanks.
if [[ ${SIGNSGD_BIN:-} == *[[:space:]]* ]]; then
	links=$(mktemp -d)
	trap 'rm -rf "$links"' EXIT
	ln -s "$SIGNSGD_BIN" "$links/signsgd"
	export SIGNSGD_BIN=$links/signsgd
fi
passed=0 failed=0 skipped=0 failures=

complain() {
	echo "FAILED: $1: $2"
	failed=$((failed + 1))
	failures+="FAILED: $1: $2"$'\n'
}

# The lines in which a log's assertions and dead tests are named.
name_failures() {
	failures+=$(sed 's/\x1b\[[0-9;]*m//g' "$2" | grep -aE '^\[(----|FAIL)\] *[^ ]' | head -n 20 | sed "s/^/$1: /")$'\n'
}

# A program's run: its log, the process that ends it, and a line with its exit code and how long it took.
run() {
	local name=${1##*/} start rc
	start=$(date +%s.%N)
	(echo "$BASHPID" >"$logs/$name.pid" && exec timeout 900 "$1") >"$logs/$name.log" 2>&1
	rc=$?
	awk -v rc="$rc" -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {printf "%d %.1f\n", rc, b - a}' >"$logs/$name.end"
}

# What a program's run says, counted.
report() {
	local name=${1##*/} rc took skips line tested good
	local log=$logs/$name.log
	read -r rc took <"$logs/$name.end"
	skips=$(grep -ci 'skipped' "$log")
	if [[ $name == test_* ]]; then
		line=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E 'Synthesis: Tested: [0-9]+' | tail -n 1)
		tested=$(sed -E 's/.*Tested: ([0-9]+).*/\1/' <<<"$line")
		good=$(sed -E 's/.*Passing: ([0-9]+).*/\1/' <<<"$line")
		if [ -z "$line" ]; then
			complain "$name" "no closing line (exit code $rc)"
			tail -n 40 "$log"
			return
		fi
		[ "$tested" -gt 0 ] || complain "$name" "ran no test"
		failed=$((failed + tested - good))
		passed=$((passed + good))
		[ "$tested" -eq "$good" ] || name_failures "$name" "$log"
		[ "$rc" -eq 0 ] || [ "$tested" -ne "$good" ] || complain "$name" "exit code $rc"
	else
		[ "$rc" -eq 0 ] && passed=$((passed + 1)) || complain "$name" "exit code $rc"
		tested=1 good=$((rc == 0))
	fi
	skipped=$((skipped + skips))
	printf '%-22s %4s of %s passed, %s s%s\n' "$name" "$good" "$tested" "$took" \
		"$([ "$skips" -gt 0 ] && echo ", $skips skipped")"
	[ "$rc" -eq 0 ] || tail -n 60 "$log"
}

# An interrupt does not reach the longest program: `timeout` is in a process group of its own, and ends with what it
# runs when it is told to.
end_long() {
	[ -e "$logs/${long##*/}.end" ] || kill "$(<"$logs/${long##*/}.pid")"
	exit 130
}

[ $# -gt 0 ] || complain tests "no test program matches"
# The longest program, which runs commands one after the other in folders of its own, runs beside all others.
long=
for program in "$@"; do
	[ $# -gt 1 ] && [ "${program##*/}" = test_readme ] && long=$program
done
if [ -n "$long" ]; then
	set -m # or it, and all that it starts, would ignore interrupts
	run "$long" &
	set +m
	trap end_long INT TERM HUP
fi
for program in "$@"; do
	[ "$program" = "$long" ] && continue
	run "$program"
	report "$program"
done
if [ -n "$long" ]; then
	wait
	report "$long"
fi
for log in "$logs"/asan.*; do
	[ -e "$log" ] || continue
	complain "${log##*/}" "the address sanitizer spoke"
	head -n 60 "$log"
done
printf '%s' "$failures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
