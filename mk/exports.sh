#!/bin/sh
# What modules use of the program, as options for the linker: take each from the archive and export it. The list
# is made of the objects themselves, so nobody has to keep it.
# usage: mk/exports.sh OUT ARCHIVE MODULE_OBJECT...
set -eu
out=$1 archive=$2
shift 2
: >"$out.new"
if [ $# -gt 0 ]; then
	nm -g "$archive" 2>/dev/null | awk 'NF == 3 && $2 ~ /^[TDRB]$/ {print $3}' | sort -u >"$out.has"
	nm -u "$@" | awk 'NF == 2 && $1 == "U" {print $2}' | sort -u | comm -12 - "$out.has" >"$out.used"
	awk 'BEGIN {print "{"} {print "\t" $1 ";"} END {print "};"}' "$out.used" >"$out.list"
	{
		echo "-Wl,--dynamic-list=$out.list"
		sed 's/^/-Wl,-u,/' "$out.used"
	} >"$out.new"
fi
mv "$out.new" "$out"
