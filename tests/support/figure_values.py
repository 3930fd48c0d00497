#!/usr/bin/env python3
"""What a figure shows, in numbers: runs plots/FIGURE.py and prints, in place of a picture, a line of JSON for every
panel (its title) and of its every curve (label, x, y, line style, marker), band (its x), set of bars (its label, x, heights),
cell of a heat map (row, column, text, value) and legend (its texts), and for what is written below.

usage: figure_values.py FIGURE ARGUMENT...    the arguments are those of the script, without -o
"""

import json
import math
import os
import runpy
import sys

PLOTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "plots")
sys.path.insert(0, PLOTS)
sys.dont_write_bytecode = True

import common  # noqa: E402  (its folder must be known before)
from matplotlib.container import BarContainer  # noqa: E402


def numbers(values):
    return [float(v) if math.isfinite(v) else None for v in values]


def say(what, **members):
    print(json.dumps({"what": what, **members}))


def say_cells(axes, image):
    rows, columns = ([tick.get_text() for tick in axis.get_ticklabels()] for axis in (axes.yaxis, axes.xaxis))
    for text in axes.texts:
        x, y = text.get_position()
        say("cell", row=rows[y], column=columns[x], text=text.get_text(), value=numbers([image.get_array()[y, x]])[0])


def dump(figure, path):
    below = getattr(figure, "_supxlabel", None)
    say("below", text=below.get_text() if below else "")
    for axes in figure.axes:
        say("panel", title=axes.get_title())
        for line in axes.get_lines():
            say("line", label=str(line.get_label()), x=numbers(line.get_xdata()), y=numbers(line.get_ydata()),
                style=line.get_linestyle(), marker=str(line.get_marker()))
        for band in axes.collections:
            for outline in band.get_paths():
                say("band", x=sorted({float(x) for x, _ in outline.vertices}))
        for bars in filter(lambda container: isinstance(container, BarContainer), axes.containers):
            say("bars", label=str(bars.get_label()), x=numbers(bar.get_x() + bar.get_width() / 2 for bar in bars),
                y=numbers(bar.get_height() for bar in bars))
        for image in axes.get_images():
            say_cells(axes, image)
        legend = axes.get_legend()
        say("legend", texts=[text.get_text() for text in legend.get_texts()] if legend else [])


common.save = dump
sys.argv = [sys.argv[1] + ".py", *sys.argv[2:], "-o", "values.png"]
runpy.run_path(os.path.join(PLOTS, sys.argv[0]), run_name="__main__")
