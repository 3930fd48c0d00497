#!/bin/sh
# Prints docs/NETWORK.md: fixed texts, with what commands print now between them. Run by `make network-doc`, as
# root, on an idle machine; takes two minutes, with the training about ten. On a busy machine it refuses, because
# its figures would contradict its text; with BUSY=1 it goes on, and the document says that it was busy.
# usage: tests/netlab/document.sh [1]     1: train anew, and keep its table in tests/netlab/training.md
set -eu
cd "$(dirname "$0")/../.."
training=tests/netlab/training.md

# A block of the command as a reader types it, and behind it what it prints: a table of Markdown.
show() {
	printf '```sh\n%s\n```\n\n' "$1"
	said=$(sh -c "${1#sudo }")
	case $said in
	*skipped:*) echo "$said" >&2; exit 1 ;;
	esac
	printf '%s\n' "$said"
}

model=experiments/fig5-imagenet-resnet50.json
speeds="--compute 0.36s --pack 6.5e9 --tally 2.5e11 --add 3.8e9 --markdown"
cores=$(nproc)
processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
load=$(cut -d ' ' -f 1 /proc/loadavg)
machine="$cores cores of ${processor:-a processor that does not tell its name}, load average $load at the beginning"
if awk -v load="$load" 'BEGIN { exit load >= 0.5 }'; then
	idle="the machine was idle otherwise"
elif [ -z "${BUSY:-}" ]; then
	echo "network-doc: the load average is $load, expected below 0.5; wait, or set BUSY=1" >&2
	exit 1
else
	idle="the machine was not idle, which slows what computes much: floats, and everything by MPI"
fi

if [ "${1:-}" = 1 ]; then
	folder=$(mktemp -d)
	trap 'rm -rf "$folder"' EXIT
	{
		make bench-net ARGS="--train experiments/net-100mbit.json --out $folder/ --markdown"
		printf '\nMeasured on %s; %s.\n' "$machine" "$idle"
	} >$training.tmp
	mv $training.tmp $training
fi

cat <<'END'
# What a network costs

Made by `make network-doc` (tests/netlab/document.sh); change the script, not this file. Three questions: what
does a round take when bytes cost what they cost between machines, what does that do to a training, and what
would a network take that is not here?

## Rounds, measured

`make bench-net` makes nodes out of network namespaces of one machine, each with a link of a given rate to one
switch, and holds rounds between them with the program's own transports (ZeroMQ with keys and encryption). It
needs root, `ip` and `tc`, `nsenter`, for losses `nft` and for a latency `/dev/net/tun`; it never touches the
machine's own interfaces, and all is gone when it ends. Without root it says that it is skipped. `make
bench-net ARGS="--help"` lists its options.

END
printf 'Measured on %s; %s.\n\n' "$machine" "$idle"
show 'sudo make bench-net ARGS="--rate 100mbit --workers 8 --n 1000000 --markdown"'
cat <<'END'

A million coordinates, 8 workers; medians. `MB busiest` is what the busiest process sends and receives, beside
what arithmetic says; `estimate` is the model's time for the same network; `ratio` is measured over estimate,
and `x ring` says how many times faster than the ring of floats, which is Open MPI's all-reduce at its best.

The paper's claim, by arithmetic: votes over one server move 32 times fewer bytes than floats over it, and over
the busiest link 64/M times fewer than a ring of floats; sharded (every worker counts the votes of a share of
the coordinates) they move 32 times fewer than the ring at any M. In time one server gains only 32/M over the
ring where votes and answers do not overlap, because links carry both directions at once and the ring uses both.

The same with 20 ms of latency, for votes:

END
show 'sudo make bench-net ARGS="--rate 100mbit --workers 8 --n 1000000 --latency 20ms --topology vote --markdown"'
cat <<'END'

`make bench-net ARGS="--check"` fails where votes on the first of these networks take longer than bare test
programs needed there, with 15 % more.

## A training, measured

Fashion-MNIST, model `cnn`, 8 nodes as above with a worker each, 3 epochs: the vote, and stochastic gradient
descent by all-reduce at the best learning rate of a grid. The columns say when a run first reached the
accuracy that both reached, the accuracy at its end on 2,000 images, and what a step took (medians).

```sh
sudo make bench-net ARGS="--train experiments/net-100mbit.json --out net/" && ./signsgd plot time-to-accuracy net/*.h5 -o net.png
```

END
cat $training
cat <<'END'

Computing takes as long as it does because all workers share the machine's cores. `make network-doc
WITH_TRAINING=1` trains anew.

## Networks that are not here

`signsgd estimate` is a model with few terms (src/bench/cost.h): bytes through the busiest link, latencies,
packing, tallying, the slowest of M machines; nothing overlaps. Bytes are sent plus received, `x ring` compares
communication with the ring of floats, `of ring` whole steps.

The paper's ResNet-50 (25,557,032 parameters) on 10 Gbit/s, with a V100's 0.36 s a step (128 images at about
355 a second, an assumption), the server one of the machines, packing by one core:

END
show "./signsgd estimate $model --rate 10gbit --latency 50us --machines 7,15 --colocated $speeds"
cat <<'END'

So the 25 % less time that the paper reports is what is left when the ring's 160 ms shrink to 41: 23 % at 7
machines, and communication is 3.9 times faster (the paper measured more than 4); nothing could save more than
31 %. At 15 machines the server's link costs half of the gain. Sharded, 28 and 30 % are to be had at 7 and 15
machines. A ring that hides behind the backward pass leaves less to save.

Over 100 Mbit/s and 20 ms:

END
show "./signsgd estimate $model --rate 100mbit --latency 20ms --machines 100,1000,10000 $speeds"
cat <<'END'

One server serves up to 33 machines better than a ring does; sharding pays at any number, as long as all
messages of a phase leave at once (`in turns`: one partner after the other).
END
