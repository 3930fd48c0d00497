#!/bin/sh
# Wall time to the same accuracy over eight hosts with links of 100 Mbit/s: votes against MPI's all-reduce of
# floats. Takes minutes; root only. usage: tests/netlab/train.sh FOLDER [MORE OPTIONS OF bench net]
set -eu
cd "$(dirname "$0")/../.."
program=${SIGNSGD_BIN:-./signsgd}
folder=${1:?which folder?}
shift
"$program" bench net --rate 100mbit --train experiments/net-100mbit.json --out "$folder/" "$@"
[ ! -d "$folder" ] || "$program" plot time-to-accuracy "$folder"/*.h5 -o "$folder/time-to-accuracy.png"
