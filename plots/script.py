"""How scripts take their options, and how they end: what the user can mend is one sentence and exit code 2."""

import argparse
import os
import sys
import tempfile
import traceback

from results import PlotError, files_below, program


class Parser(argparse.ArgumentParser):
    def error(self, message):  # one sentence, as of every other mistake
        fail(message, 2)


def fail(sentence, code):
    print(f"{program()}: {sentence}", file=sys.stderr)
    sys.exit(code)


def sentences(parser, work, made="made"):
    """work(args). What nobody foresaw is one sentence, too, and exit code 1; made: what is done to args.out."""
    args = parser.parse_args()
    try:
        work(args)
    except PlotError as sentence:
        fail(sentence, 2)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        fail(f"{getattr(args, 'out', None) or 'the answer'} cannot be {made} from these files: {type(error).__name__}: "
             f"{error or 'no more is known'} ({os.path.basename(where.filename)}, line {where.lineno})", 1)


def read_runs(paths):
    """The runs of files and folders."""
    from runs import Run  # with HDF5, which a sentence about an option does not need

    return [Run(path) for path in files_below(paths)]


def write_whole(path, text):
    """To standard output, or to a file: the whole text or none, so that a reader of the old one sees no half."""
    if not path:
        sys.stdout.write(text)
        return
    target = os.path.realpath(path)
    try:
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(target), prefix=".signsgd-", delete=False, encoding="utf-8") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(file.name, 0o666 & ~mask)
        os.replace(file.name, target)
    except OSError as error:
        fail(f"{path} could not be written: {error.strerror or error}", 1)
