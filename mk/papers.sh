#!/bin/sh
# The papers that are named, one after the other: `signsgd simulate` their file of experiments/papers/ to papers/NAME/,
# hold its claims against the results (papers/NAME/claims.txt), draw papers/NAME/figure.png, write
# papers/NAME/report.html; last a table of all. What
# is there and finished is not run again. A claim that does not hold is a result: exit code 1 is for runs that are
# missing and data that were not found.
#
# usage: mk/papers.sh PROGRAM [NAME]...     ARGS: more options of `simulate` ("--lanes 1")
set -u
program=$1
shift
missing=0
table=

# How many lines of the claims begin with this verdict.
count() {
	grep -c "^$1  " "$folder/claims.txt"
}

# Shares of Byzantine workers make an axis where they are swept.
figure() {
	if grep -q '^ *"[a-z.,_]*adversaries\.count[a-z.,_]*": \[' "experiments/papers/$name.json"; then
		echo adversaries
	else
		echo curves
	fi
}

for name in "$@"; do
	folder=papers/$name
	file=experiments/papers/$name.json
	mkdir -p "$folder" || exit 1
	begin=$(date +%s)
	echo "--- $name"
	# shellcheck disable=SC2086
	"$program" simulate "$file" --out "$folder/" ${ARGS:-} >"$folder/runs.txt"
	code=$?
	[ $code -gt 2 ] && exit $code # interrupted: the same command goes on from there
	if ! ls "$folder"/*.h5 >/dev/null 2>&1; then # `simulate` has said why
		missing=1
		table="$table$(printf '%-22s not run' "$name")
"
		continue
	fi
	seconds=$(($(date +%s) - begin))
	"$program" claims "$file" "$folder" >"$folder/claims.txt" || missing=1
	cat "$folder/claims.txt"
	"$program" plot "$(figure)" "$folder"/*.h5 -o "$folder/figure.png" --band t --quiet || missing=1
	"$program" report "$folder" -o "$folder/report.html" --claims "$file" --quiet || missing=1
	table="$table$(printf '%-22s %5d %14d %12d %8d %8d' "$name" "$(count 'holds        ')" "$(count 'does not hold')" \
		"$(count 'not decided  ')" "$(count 'missing      ')" "$seconds")
"
done
printf '\n%-22s %5s %14s %12s %8s %8s\n%s' paper holds 'does not hold' 'not decided' missing seconds "$table"
exit $missing
