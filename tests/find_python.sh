#!/bin/sh
# The interpreter that can draw figures: SIGNSGD_PYTHON, or the first that has h5py, numpy and matplotlib.
for p in ${SIGNSGD_PYTHON:-} python3 /usr/bin/python3; do
	"$p" -c 'import h5py, numpy, matplotlib' >/dev/null 2>&1 && { command -v "$p"; exit 0; }
done
exit 0
