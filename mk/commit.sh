#!/bin/sh
# Prints the commit of this source: of its own repository, though another user may own it; in an unpacked archive
# what `git archive` wrote to mk/commit. A repository around it is somebody else's.
cd "$(dirname "$0")/.." || exit 1
git="git -c safe.directory=*"
if [ -e .git ] && commit=$($git describe --always --dirty --abbrev=12 2>/dev/null); then
	echo "$commit"
else
	grep -v Format mk/commit 2>/dev/null || echo unknown
fi
