"""Which files are results, and opening one. What is wrong with it is said in the words of `signsgd show`."""

import os
import sys

import h5py

LAYOUT_OLDEST, LAYOUT = 1, 2  # that are read; as in src/record/record_internal.h


class PlotError(Exception):
    """A sentence for the user: what was found and what was expected."""


def open_result(path):
    """An h5py.File; PlotError: it cannot be read, or has a layout that these scripts do not know."""
    try:
        with open(path, "rb"):
            pass
        file = h5py.File(path, "r")
    except OSError as error:
        raise PlotError(f"{path}: {why(path, error)}") from None
    check_layout(path, file)
    return file


def why(path, error):
    if os.path.isdir(path):
        return "is a folder, expected a file"
    if error.errno and not h5py.is_hdf5(path):
        return f"cannot be opened: {os.strerror(error.errno)}"
    if not h5py.is_hdf5(path):
        return "is no HDF5 file (it does not begin as one)"
    return f"HDF5 cannot open it: {error}"


def check_layout(path, file):
    try:
        version = int(file["format"].attrs["version"])
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        raise PlotError(f"{path}: is an HDF5 file, but no result of signsgd (it has no /format version)") from None
    if version > LAYOUT:
        raise PlotError(f"{path}: is a result of a newer signsgd: found layout version {version}, this one reads "
                        f"{LAYOUT_OLDEST} to {LAYOUT}")
    if version < LAYOUT_OLDEST:
        raise PlotError(f"{path}: found layout version {version}, expected {LAYOUT_OLDEST} to {LAYOUT}")


def files_of(paths):
    """
    What `folder/*.h5` means: the result files, without the checkpoints that unfinished runs keep beside them. A file
    that is named twice, or by a link, is one result.
    """
    kept = [path for path in paths if not path.endswith(".checkpoint.h5")] or paths
    files = {}
    for path in kept:
        first = files.setdefault(file_of(path), path)
        if first is not path:
            print(f"{program()}: {path} is {first} again, and counts once", file=sys.stderr)
    return list(files.values())


def file_of(path):
    """What is the same for all names of a file."""
    try:
        found = os.stat(path)
    except OSError:
        return path  # said when it is opened
    return found.st_dev, found.st_ino


def program():
    return os.path.basename(sys.argv[0])
