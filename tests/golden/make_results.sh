#!/bin/bash
# How results-0.1.0/*.h5.gz were made: result files and a checkpoint of version 0.1.0, which every later version
# must still read (tests/record/test_old_results.c). They are kept because that program is gone, not to be made again:
# a later program writes later files. To add those of another version, run this with its program and a folder of
# its own that holds its experiments.
#
#   tests/golden/make_results.sh PROGRAM FOLDER     FOLDER/*.json are the experiments
#
# theory        a quadratic with all probes of messages, one of three workers inverts
# probes        an mlp on glyphs with the probes of a full pass, one of three sends random signs
# served        `serve` and `work`; a worker stops for a while: who was counted in each step, for --replay
# unfinished    interrupted by SIGINT, with its checkpoint
#
# Compressed, because a column takes at least 8 KiB, nearly all of them zeros.
set -eu
program=$(realpath "$1") folder=$(realpath "$2")
tmp=$(mktemp -d)
cp "$folder"/*.json "$tmp"
cd "$tmp" # so that no file names a folder of this machine
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT
at=tcp://127.0.0.1:${PORT:-5571}

for name in theory probes; do
	"$program" simulate $name.json --out $name.h5 --quiet
done

"$program" keys new server w0 w1 w2 -o keys 2>/dev/null
"$program" serve served.json --listen "$at" --keys keys --out served.h5 --quiet &
server=$!
"$program" work --connect "$at" --keys keys --name w0,w1 --quiet &
"$program" work --connect "$at" --keys keys --name w2 --quiet &
late=$!
sleep 0.7
kill -STOP $late
sleep 0.5
kill -CONT $late
wait $server
"$program" simulate --replay served.h5 --out replay.h5
rm replay.h5

"$program" simulate unfinished.json --out unfinished.h5 --quiet &
sleep 0.3
kill -INT $!
wait $! || [ $? -eq 130 ]

for file in *.h5; do
	gzip -9nc "$file" >"$folder/$file.gz"
done
"$program" show --json theory.h5 probes.h5 served.h5 unfinished.h5
ls -l "$folder"
