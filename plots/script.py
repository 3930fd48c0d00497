"""How scripts take their options, and how they end: what the user can mend is one sentence and exit code 2."""

import argparse
import sys

from results import program


class Parser(argparse.ArgumentParser):
    def error(self, message):  # one sentence, as of every other mistake
        fail(message, 2)


def fail(sentence, code):
    print(f"{program()}: {sentence}", file=sys.stderr)
    sys.exit(code)
