#!/bin/bash
# README's two commands on bare systems: for each release of Debian (default: 12 and 13) a fresh root with git and
# make and nothing else, in which this commit is cloned, `make demo` and `make test` run. The suite types every
# command of README and of the other documents. Root only; not in CI: it downloads 300 MB and takes half an hour a
# release. The roots, and what is mounted in them, are gone at the end, however it comes.
# usage: mk/test_distros.sh [RELEASE...]
#   MIRROR  where packages come from     LOGS  folder for what was said (default build/distros)
#   TMPDIR  where the roots are made, 5 GB each
set -u
cd "$(dirname "$0")/.." || exit 1
MIRROR=${MIRROR:-http://deb.debian.org/debian}
LOGS=$(realpath -m "${LOGS:-build/distros}")

die() { echo "test-distros: $*" >&2 && exit 1; }

# One root, in a namespace of mounts and processes of its own: with its last process all of them are gone.
inside() {
	local release=$1 root=$2 kind
	mount --bind "$root" "$root" || die "$release: mounting the root failed"
	debootstrap --variant=minbase --include=ca-certificates,git,make "$release" "$root" "$MIRROR" ||
		die "$release: debootstrap failed"
	# What this machine says about mirrors and proxies holds for packages in there too.
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts" # an installer's work, which debootstrap leaves out
	apt-config dump Acquire 2>/dev/null | grep -E '^Acquire::(https?|Check-|Retries)' >"$root/etc/apt/apt.conf.d/90host"
	{ mount -t proc proc "$root/proc" && mount --rbind /sys "$root/sys" && mount --rbind /dev "$root/dev"; } ||
		die "$release: mounting proc, sys and dev failed"
	mount -t tmpfs tmpfs "$root/tmp" || die "$release: mounting tmp failed"
	git -c safe.directory='*' clone -q --no-hardlinks . "$root/root/signsgd" || die "$release: git clone failed"
	for kind in demo test; do
		echo "== make $kind"
		chroot "$root" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			TERM=dumb ${http_proxy:+http_proxy=$http_proxy} ${https_proxy:+https_proxy=$https_proxy} \
			make -C /root/signsgd "$kind" </dev/null || die "$release: make $kind failed"
	done
	[ -s "$root/root/signsgd/demo.png" ] || die "$release: make demo drew no figure"
}

if [ "${1:-}" = --inside ]; then
	inside "$2" "$3"
	exit
fi

[ "$(id -u)" -eq 0 ] || die "wants root, for debootstrap and mounts"
for program in debootstrap unshare git; do
	command -v "$program" >/dev/null || die "not found: $program"
done
[ $# -gt 0 ] || set -- bookworm trixie
[ -z "$(git -c safe.directory='*' status --porcelain 2>/dev/null)" ] ||
	echo "test-distros: only what is committed is tried; there are changes that are not"
mkdir -p "$LOGS" || exit 1
root='' child='' failed=0
# Ends what still runs in the root, and with it its mounts. --one-file-system: should one be left against all odds,
# nothing below it is removed. What was killed may take a moment to be gone.
remove() {
	[ -z "$child" ] || kill -KILL "$child" 2>/dev/null
	[ -n "$root" ] || return
	for _ in 1 2 3 4 5; do
		rm -rf --one-file-system "$root" 2>/dev/null && break
		sleep 1
	done
}
trap remove EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
for release in "$@"; do
	root=$(mktemp -d) && chmod 755 "$root" || exit 1
	echo "test-distros: $release begins ($LOGS/$release.log)"
	unshare --mount --propagation private --pid --fork --kill-child \
		mk/test_distros.sh --inside "$release" "$root" >"$LOGS/$release.log" 2>&1 &
	child=$!
	if wait "$child"; then
		echo "test-distros: $release: $(tail -n 1 "$LOGS/$release.log")"
	else
		failed=$((failed + 1))
		tail -n 30 "$LOGS/$release.log"
		echo "test-distros: $release FAILED"
	fi
	child=''
	remove
done
[ "$failed" -eq 0 ]
