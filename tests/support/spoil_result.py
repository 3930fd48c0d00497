#!/usr/bin/env python3
"""Makes a result file say markup wherever it says words, as a file from anywhere may.

usage: spoil_result.py RUN.h5 [STATE]    STATE: that the run is in, else "diverged"
"""

import json
import sys

import h5py

EVIL = "</title></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


def spoil(value):
    if isinstance(value, dict):
        return {name: spoil(member) for name, member in value.items()}
    return EVIL + value if isinstance(value, str) else value


with h5py.File(sys.argv[1], "r+") as file:
    for name in ("given", "resolved", "identity"):
        said = spoil(json.loads(file[f"config/{name}"][()]))
        said[EVIL] = EVIL
        del file[f"config/{name}"]
        file[f"config/{name}"] = json.dumps(said)
    for name in ("id", "data_id", "data_note", "why", "version", "commit", "host", "processor", "backend_detail"):
        file["meta"].attrs[name] = EVIL
    file["meta"].attrs["state"] = sys.argv[2] if len(sys.argv) > 2 else "diverged"
