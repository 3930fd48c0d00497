"""How every figure looks, whoever draws it: matplotlib without the user's own style, plain text that is no mathematics,
fonts for all letters, and legends that leave room for the curves.
"""

import logging
import math
import os
import sys
import warnings


def import_plain():
    """
    matplotlib as it comes: a matplotlibrc in the working folder (it would go first), in the user's settings or behind
    MATPLOTLIBRC would change every figure, and a broken one end in a traceback.
    """
    os.environ["MATPLOTLIBRC"] = os.devnull
    try:
        here = os.open(".", os.O_RDONLY)
    except OSError:
        here = None  # the working folder was removed: it holds no matplotlibrc either
    os.chdir("/")
    try:
        import matplotlib
        return matplotlib
    finally:
        if here is not None:
            os.fchdir(here)
            os.close(here)


try:
    import h5py  # noqa: F401  (what is missing is said at once)
    import numpy  # noqa: F401
    matplotlib = import_plain()
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font
    from matplotlib.text import Text
except Exception as missing:  # of any kind: a package for another numpy raises what it likes
    sys.exit(f"{os.path.basename(sys.argv[0])}: needs h5py, numpy and matplotlib: {missing}")

STYLE = {
    "svg.hashsalt": "signsgd",
    "font.size": 9,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "savefig.dpi": 150,
}

FONT = "DejaVu Sans"  # comes with matplotlib
MOST_INSIDE = 9  # lines of a legend that stand among the curves
MOST_LONG = 45  # letters of one, where there are more than a few of them
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def new_figure(args, columns=1, rows=1, sharey=True):
    """A figure and its axes, row after row."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    plt.rcdefaults()
    plt.rcParams.update(STYLE)
    figure, axes = plt.subplots(rows, columns, figsize=(args.width, args.height), squeeze=False, sharey=sharey)
    if args.title:
        figure.suptitle(args.title)
    return figure, list(axes.ravel())


def power(exponent):
    """A power of ten in plain letters."""
    return "10" + str(exponent).translate(SUPERSCRIPTS)


def legend(axes, **place):
    """A legend among the curves, or, when it has many lines, beside the figure."""
    handles, labels = axes.get_legend_handles_labels()
    long = len(labels) > 3 and max(len(label) for label in labels) > MOST_LONG
    if not labels:
        return
    if len(labels) <= MOST_INSIDE and not long:
        axes.legend(**place)
        return
    put_beside(axes, handles, labels, axes.get_title() or None)


def legend_of_all(panes):
    """One legend for panels that show the same curves: beside the last, each line once."""
    lines = {}
    for axes in panes:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            lines.setdefault(label, handle)
    if lines:
        put_beside(panes[-1], list(lines.values()), list(lines), None)


def put_beside(axes, handles, labels, title):
    rows = max(1, int(axes.figure.get_figheight() * 6))
    found = axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1, 0.97),
                        bbox_transform=axes.figure.transFigure, fontsize=7, ncol=math.ceil(len(labels) / rows),
                        title=title)
    found.set_in_layout(False)  # the curves keep their room, and the picture gets wider
    found.signsgd_beside = True


def finish(figure):
    """Lay a figure out. Returns how it is to be cut."""
    plain_texts(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that no font has (said already), of little room
        figure.tight_layout()
        return place_legends(figure)


def place_legends(figure):
    """Legends beside the figure stand next to each other; the picture is then cut around them."""
    beside = [axes.get_legend() for axes in figure.axes if getattr(axes.get_legend(), "signsgd_beside", False)]
    at = 1.0
    for found in beside:
        found.set_bbox_to_anchor((at, 0.97), transform=figure.transFigure)
        found.set_in_layout(True)
        figure.canvas.draw()
        at = figure.transFigure.inverted().transform(found.get_window_extent().max)[0]
    return "tight" if beside else None


def texts(figure):
    """All words of a figure but the numbers at its axes, which matplotlib writes as mathematics."""
    numbers = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            numbers.update(map(id, axis.get_ticklabels(which="both")))
            numbers.add(id(axis.get_offset_text()))
    return [text for text in figure.findobj(Text) if text.get_text() and id(text) not in numbers]


def plain_texts(figure):
    """Dollars are dollars, and letters that the house's font lacks come from another."""
    words = texts(figure)
    for text in words:
        if hasattr(text, "set_parse_math"):
            text.set_parse_math(False)
        else:
            text.set_text(text.get_text().replace("$", r"\$"))
    letters = set("".join(text.get_text() for text in words)) - {"\n"}
    lacking = letters - letters_of(font_manager.findfont(FONT))
    if not lacking:
        return
    families = [FONT, *fonts_for(lacking)]
    for text in words:
        text.set_fontfamily(families)


def letters_of(path):
    try:
        return set(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return set()


def add_new_fonts():
    """Fonts that were installed after matplotlib made its list."""
    known = {font.fname for font in font_manager.fontManager.ttflist}
    for path in set(font_manager.findSystemFonts()) - known:
        try:
            font_manager.fontManager.addfont(path)
        except Exception:  # no font that matplotlib can use
            continue


def fonts_for(lacking):
    """Families that have these letters between them, as few as were found; one line about what none has."""
    families = []
    add_new_fonts()
    while lacking:
        best = max(font_manager.fontManager.ttflist, key=lambda font: len(lacking & letters_of(font.fname)), default=None)
        found = lacking & letters_of(best.fname) if best else set()
        if not found:
            print(f"{os.path.basename(sys.argv[0])}: no font on this machine has {''.join(sorted(lacking)[:20])}: drawn "
                  "as boxes; a package such as fonts-noto-cjk or fonts-wqy-zenhei brings one", file=sys.stderr)
            break
        families.append(best.name)
        lacking = lacking - found
    return families
