#!/bin/sh
# The network table of README.md, measured: rounds of 8 workers over links of 100 Mbit/s, held to what bare test
# programs needed here, with three twentieths on top, and to the ring of floats measured beside them. Takes a minute; keep the machine idle. Root only.
# usage: tests/netlab/run.sh [MORE OPTIONS OF bench net]
set -eu
cd "$(dirname "$0")/../.."
program=${SIGNSGD_BIN:-./signsgd}
table=$(mktemp)
trap 'rm -f "$table"' EXIT
"$program" bench net --rate 100mbit --workers 8 --n 1000000 --json "$@" >"$table"
if grep -q skipped "$table"; then
	cat "$table"
	exit 0
fi
# way, longest round (s), least ratio to the ring
awk '
BEGIN {
	most["vote server, MPI"] = 1.15 * 0.16; least["vote server, MPI"] = 0
	most["vote server, ZeroMQ"] = 1.15 * 0.16; least["vote server, ZeroMQ"] = 4.5
	most["vote sharded, MPI"] = 1.15 * 0.019; least["vote sharded, MPI"] = 28
}
function text(key) { match($0, "\"" key "\":\"[^\"]*"); return substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 4) }
function number(key) { match($0, "\"" key "\":[^,}]*"); return substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0 }
{
	way = text("way"); took = number("round_s"); ratio = number("ring_ratio"); said = ""
	if (way in most) {
		good = took <= most[way] && ratio >= least[way]
		said = good ? "  as asked" : sprintf("  asked: %.4f s and %g times", most[way], least[way])
		bad += !good
	}
	printf "%-22s %8.4f s  %5.1f times the ring%s\n", way, took, ratio, said
}
END { exit bad > 0 }
' "$table"
