#!/usr/bin/env python3
"""What the tables were measured with, in one paragraph: the processor, the peers, and our program.

    python3 tests/peers/versions.py
"""
import datetime
import importlib.metadata
import os
import re
import subprocess

import numpy
import torch

import duel


def processor():
    with open("/proc/cpuinfo") as lines:
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def ours():
    """The lines of `signsgd version` by their first word or words; long ones go on behind blanks."""
    said = subprocess.run([duel.ROOT / "signsgd", "version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = re.sub(r"\n {8,}", " ", said).splitlines()
    return dict(re.split(r"  +", line, maxsplit=1) for line in lines)


def libraries_of_torch():
    config = torch.__config__.show()
    mkl = re.search(r"Math Kernel Library Version (\S+?)-", config)
    onednn = re.search(r"MKL-DNN v(\S+)", config)
    return f"oneDNN {onednn[1] if onednn else 'none'}, MKL {mkl[1] if mkl else 'none'}"


def main():
    version, cores = ours(), len(os.sched_getaffinity(0))
    vectors = version["processor"].split(":")[0].split(", ")[-1]
    print(f"Measured {datetime.date.today()} on {processor()}, {cores} cores ({vectors}): "
          f"PyTorch {torch.__version__} ({libraries_of_torch()}), numpy {numpy.__version__}, "
          f"ByzFL {importlib.metadata.version('byzfl')}, against signsgd {version['signsgd']}: "
          f"{version['backend cpu']}.")


if __name__ == "__main__":
    main()
