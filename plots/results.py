"""Which files are results, and opening one. What is wrong with it is said in the words of `signsgd show`."""

import errno
import os
import resource
import sys

import h5py

CHECKPOINT = ".checkpoint.h5"  # behind the name of a result without its own ending: as in src/train/checkpoint.c
LAYOUT_OLDEST, LAYOUT = 1, 2  # that are read; as in src/record/record_internal.h



def allow_many_files():
    """A grid has more runs than a shell lets a program open without asking; all that it may ask for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


allow_many_files()


class PlotError(Exception):
    """A sentence for the user: what was found and what was expected."""


def open_result(path):
    """An h5py.File; PlotError: it cannot be read, or has a layout that these scripts do not know."""
    if not path:
        raise PlotError("found an empty path, expected a result file")
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
    if error.errno == errno.EMFILE:
        return f"is one file more than may be open ('ulimit -Hn' says {resource.getrlimit(resource.RLIMIT_NOFILE)[1]})"
    if error.errno and not h5py.is_hdf5(path):
        return f"cannot be opened: {os.strerror(error.errno)}"
    if not h5py.is_hdf5(path):
        return "is no HDF5 file (it does not begin as one)"
    return f"HDF5 cannot open it: {error}"


def is_checkpoint(path):
    try:
        with h5py.File(path, "r") as file:
            return "checkpoint_version" in file.attrs
    except (OSError, ValueError):
        return False  # said when it is opened


def refuse_checkpoint(path, file):
    """What stands beside an unfinished result is said to be no more than that."""
    try:
        run, step = file.attrs["run_id"], int(file.attrs["step"])
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        return
    run = run.decode("utf-8", "replace") if isinstance(run, bytes) else run
    where = f"; that stands in {path[:-len(CHECKPOINT)]}.h5" if path.endswith(CHECKPOINT) else ""
    raise PlotError(f"{path}: is the checkpoint of run {run} after step {step}, no result{where}")


def check_layout(path, file):
    try:
        version = int(file["format"].attrs["version"])
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        if "checkpoint_version" in file.attrs:
            refuse_checkpoint(path, file)
        raise PlotError(f"{path}: is an HDF5 file, but no result of signsgd (it has no /format version)") from None
    if version > LAYOUT:
        raise PlotError(f"{path}: is a result of a newer signsgd: found layout version {version}, this one reads "
                        f"{LAYOUT_OLDEST} to {LAYOUT}")
    if version < LAYOUT_OLDEST:
        raise PlotError(f"{path}: found layout version {version}, expected {LAYOUT_OLDEST} to {LAYOUT}")


def files_of(paths):
    """
    What `folder/*.h5` means: the result files, without the checkpoints that unfinished runs keep beside them, which are
    passed over with a word. A file that is named twice, or by a link, is one result.
    """
    checkpoints = [path for path in paths if is_checkpoint(path)]
    if len(checkpoints) == len(paths):
        checkpoints = []  # each is refused by what it is
    for path in checkpoints:
        print(f"{program()}: {path}: a checkpoint of a run, no result: passed over", file=sys.stderr)
    files = {}
    for path in [path for path in paths if path not in checkpoints]:
        first = files.setdefault(file_of(path), path)
        if first is not path:
            print(f"{program()}: {path} is {first} again, and counts once", file=sys.stderr)
    return list(files.values())


def files_below(paths):
    """
    The result files of a list of files and folders: of a folder all below it, in the order of their names, without
    checkpoints and, after a word, without other programs' files.
    """
    found = []
    for path in paths:
        if not os.path.isdir(path):
            found.append(path)
            continue
        results = [name for name in inside(path) if not is_foreign(name)]
        if not results:
            raise PlotError(f"{path}: there is no result file (*.h5) in this folder")
        found += results
    return files_of(found)


def inside(folder):
    """All files below a folder that may be results, in the order of their names; checkpoints are none."""
    return sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names
                  if name.endswith(".h5") and not name.endswith(CHECKPOINT))


def is_foreign(path):
    """An HDF5 file that is no result: passed over with a word. What is damaged is said when it is opened."""
    try:
        with h5py.File(path, "r") as file:
            foreign = "format" not in file
    except (OSError, ValueError):
        return False
    if foreign:
        print(f"{program()}: {path}: no result of a run: passed over", file=sys.stderr)
    return foreign


def file_of(path):
    """What is the same for all names of a file."""
    try:
        found = os.stat(path)
    except OSError:
        return path  # said when it is opened
    return found.st_dev, found.st_ino


def program():
    return os.path.basename(sys.argv[0])
