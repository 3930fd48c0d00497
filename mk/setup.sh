#!/bin/sh
# Install what is missing for the purposes named (mk/packages.txt), on Debian and Ubuntu. Says and asks nothing
# when all is there.
set -eu
cd "$(dirname "$0")/.."

wanted=
for purpose in "$@"; do
	wanted="$wanted $(awk -v p="$purpose" '$1 == p {print $2}' mk/packages.txt)"
done

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
	# Not a Debian: go on if the libraries are there, under whatever package names.
	missing=
	for p in openblas libcjson libcurl zlib libcrypto libjpeg libpng libwebp libzmq; do
		pkg-config --exists "$p" 2>/dev/null || missing="$missing $p"
	done
	pkg-config --exists hdf5 2>/dev/null || pkg-config --exists hdf5-serial 2>/dev/null || missing="$missing hdf5"
	echo '#include <oneapi/dnnl/dnnl.h>' | ${CC:-cc} -E - >/dev/null 2>&1 || missing="$missing onednn"
	[ -z "$missing" ] && exit 0
	echo "signsgd: this is neither Debian nor Ubuntu, so nothing is installed by itself." >&2
	echo "Please install, with headers and pkg-config files:$missing (the list with Debian's names: mk/packages.txt)." >&2
	exit 1
fi

missing=
for p in $wanted; do
	# Only the name itself counts: who has another provider of it is asked to install this one.
	dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || {
		echo "signsgd: missing packages:$missing. Not root and no sudo here: please install them as root." >&2
		exit 1
	}
	as_root=sudo
fi

# sudo drops the environment. Without these, a package's question would wait for ever where nobody sees it.
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a DEBCONF_NONINTERACTIVE_SEEN=true \
		apt-get "$@" </dev/null
}
# Apt's own words where they say how much there is to do, or what went wrong; a dot for each package that is done.
show() {
	while read -r line; do
		case $line in
		"Need to get"*) echo "signsgd: $line" ;;
		Unpacking* | "Setting up"*) printf . ;;
		E:*) echo "$line" >&2 ;;
		esac
	done
	echo
}
install() {
	# shellcheck disable=SC2086  # a list of words
	{ apt install -y --no-install-recommends $missing 2>&1 || echo "E: failed"; } | tee "$log" | show
	! grep -q '^E:' "$log"
}
echo "signsgd: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install 2>/dev/null || { apt update -qq && install; } || {
	echo "signsgd: apt-get could not install:$missing. Is the network there? The lines above say what went wrong." >&2
	exit 1
}
