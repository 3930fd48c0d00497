"""How a page looks: colours, and the style sheet. Light or dark as the reader's system is, light on paper.

Lines take Okabe and Ito's hues, which colour-blind readers can tell apart, darker on white and brighter on black, so
that each has a contrast of at least 4.5 to 1; dashes and markers tell them apart as well.
"""

LIGHT = {"paper": "#ffffff", "ink": "#1b1f23", "soft": "#555c63", "rule": "#d5d9dd", "shade": "#f4f6f8", "link": "#0a58a6",
         "lines": ["#0072b2", "#b34700", "#00775a", "#a0487c", "#80600a", "#2b2b2b"]}
DARK = {"paper": "#14171a", "ink": "#e9ecef", "soft": "#a9b1b9", "rule": "#3a4047", "shade": "#1e2328", "link": "#7cc0ff",
        "lines": ["#62bdf0", "#ff8a4d", "#35cfa1", "#e79dc8", "#e8b92f", "#f0f0f0"]}
COLOURS = len(LIGHT["lines"])
DASHES = ["none", "7 3", "2 2.5", "8 3 2 3"]
MARKERS = ["circle", "square", "triangle", "diamond"]

# From little to much: Nuñez, Anderton and Renslow's cividis, dark blue to yellow, in a few points.
RAMP = ["#00224e", "#25406d", "#575d6d", "#7c7b78", "#a59c74", "#d2c060", "#fee838"]

STYLE = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main,header,nav{max-width:72rem;margin:0 auto;padding:0 1rem}
main{padding-bottom:4rem}
h1{font-size:1.7rem;line-height:1.2;margin:1.6rem 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.6rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--rule)}
h3{font-size:.87rem;font-weight:600;margin:0 0 .2rem}
p,ul{max-width:46rem}
.soft,caption,figcaption{color:var(--soft)}
.lead{font-size:1.06rem}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.3rem .6rem}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;padding:0;margin:.6rem 0;max-width:none;font-size:.92rem}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:.88rem;margin:.5rem 0;font-variant-numeric:tabular-nums}
caption{text-align:left;font-size:.85rem;padding:.2rem 0}caption span{display:inline-block;position:sticky;left:0;max-width:min(60rem,calc(100vw - 2.4rem))}
th,td{padding:.28rem .65rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}
thead th{border-bottom:2px solid var(--rule)}
tbody th{font-weight:600;min-width:8.5rem}
td{white-space:nowrap}td.wrap{white-space:normal;min-width:12rem}
tr.best{background:var(--shade)}
figure{margin:1rem 0 1.6rem}
figcaption{font-size:.88rem;max-width:46rem;margin-bottom:.5rem}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(320px,100%),1fr));gap:1.1rem 1.2rem}
.panel{min-width:0}
svg{display:block;max-width:100%;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.panels svg{width:100%;max-width:30rem}
.maps{display:flex;flex-wrap:wrap;gap:1rem 2.4rem}.wide{min-width:0;max-width:100%}.wide svg{max-width:none}
svg text{fill:var(--ink)}svg .on-b{fill:#000}svg .on-w{fill:#fff}svg .tick{fill:var(--soft);font-size:11px}
.grid{stroke:var(--rule);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}
.line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}
.bound{fill:none;stroke:var(--c);stroke-width:1.3;stroke-dasharray:1.5 3}
.band{fill:var(--c);opacity:.18}
.mark{fill:var(--c)}.bar{stroke:var(--c);stroke-width:1.6}
.frame{fill:none;stroke:var(--ink);stroke-width:2}
.none{fill:none;stroke:var(--rule)}
.key{display:flex;flex-wrap:wrap;gap:.15rem 1.1rem;list-style:none;padding:0;margin:.5rem 0;max-width:none;font-size:.88rem}
.key li{display:flex;align-items:center;gap:.4rem}.key svg{flex:none}
details{margin:.4rem 0}summary{cursor:pointer;color:var(--link);font-size:.9rem;width:fit-content}
pre{background:var(--shade);padding:.7rem .9rem;overflow-x:auto;font-size:.82rem;border-radius:4px}
code{font-size:.9em}
.note{background:var(--shade);border-left:4px solid var(--link);padding:.5rem .9rem;max-width:46rem}
@media (max-width:30rem){th,td{padding:.25rem .45rem}h1{font-size:1.4rem}}
@media print{nav,.skip{display:none}body{font-size:10.5pt}figure,.panel,tr{break-inside:avoid}h2,h3{break-after:avoid}
.scroll{overflow:visible}a{color:inherit}.panels{grid-template-columns:repeat(2,1fr)}td{white-space:normal}}
"""


def variables(scheme):
    colours = "".join(f".c{i}{{--c:{colour}}}" for i, colour in enumerate(scheme["lines"]))
    return (":root{" + "".join(f"--{name}:{value};" for name, value in scheme.items() if name != "lines") + "}" + colours)


def sheet():
    return (":root{color-scheme:light dark}" + variables(LIGHT) + "@media screen and (prefers-color-scheme:dark){"
            + variables(DARK) + "}" + STYLE).replace("\n", "")


def rgb(colour):
    return [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]


def ramp(share):
    """The colour at 0 to 1 of RAMP."""
    place = min(max(share, 0.0), 1.0) * (len(RAMP) - 1)
    at = min(int(place), len(RAMP) - 2)
    mixed = [a + (b - a) * (place - at) for a, b in zip(rgb(RAMP[at]), rgb(RAMP[at + 1]))]
    return "#" + "".join(f"{round(255 * part):02x}" for part in mixed)


def luminance(colour):
    """Relative luminance, as WCAG 2 defines it."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ink_on(colour):
    """Black or white, whichever can be read on it: one of them has a contrast of at least 4.58."""
    return max("#000000", "#ffffff", key=lambda ink: contrast(ink, colour))
