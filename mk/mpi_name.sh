#!/bin/sh
# Prints the name of the MPI whose header a compiler finds, "Open MPI 4.1.4" or "MPICH 4.0.2"; "MPI" if it does not say.
# usage: mk/mpi_name.sh COMPILER [OPTION...]
"$@" -E -dM -include mpi.h -x c /dev/null 2>/dev/null | awk '
	$2 ~ /^OMPI_(MAJOR|MINOR|RELEASE)_VERSION$/ {v[substr($2, 6, 3)] = $3}
	$2 == "MPICH_VERSION" {gsub("\"", ""); name = "MPICH " $3}
	END {
		if (v["MAJ"] != "") name = "Open MPI " v["MAJ"] "." v["MIN"] "." v["REL"]
		print name == "" ? "MPI" : name
	}'
