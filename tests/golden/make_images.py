#!/usr/bin/env python3
"""Golden pictures: tiny files of every kind that a folder of images may hold, and the pixels that Pillow gives for them.

Writes FILE by FILE into tests/golden/images, and pixels.txt beside them: a line a file with its name, width, height
and the bytes of Image.open(FILE).convert("RGB") in hexadecimal digits. tests/data/image/test_golden_images.c compares.
Files that Pillow does not write are put together here. Made with Pillow 9.4.0.

    python3 tests/golden/make_images.py
"""
import pathlib
import struct
import zlib

from PIL import Image

W, H = 7, 5
FOLDER = pathlib.Path(__file__).parent / "images"


def value(x, y, c):
    return (37 * x + 91 * y + 53 * c + 7) % 256


# --- PNG, chunk by chunk ---------------------------------------------------------------------------------------

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_row(y, xs, kind, depth, dark):
    bits = ""
    for x in xs:
        for c in range(CHANNELS[kind]):
            v = value(x, y, c)
            if depth == 16:
                v = (v % 3 if dark else v) * 256 + value(x, y, c + 5)
            bits += format(v % (1 << depth), f"0{depth}b")
    bits += "0" * (-len(bits) % 8)
    return b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


def png(kind, depth, before=(), interlaced=False, colours=None, dark=False):
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    rows = b"".join(png_row(y, range(x0, W, dx), kind, depth, dark)
                    for x0, y0, dx, dy in passes for y in range(y0, H, dy))
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, kind, 0, 0, interlaced))
    if kind == PALETTE:
        count = colours or 1 << depth
        before = (chunk(b"PLTE", bytes(value(i, 3, c) for i in range(count) for c in range(3))), *before)
    return out + b"".join(before) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def png_files():
    for kind, name in [(GREY, "grey"), (RGB, "rgb"), (PALETTE, "palette"), (GREY_ALPHA, "grey-alpha"), (RGBA, "rgba")]:
        for depth in [1, 2, 4, 8, 16]:
            if depth < 8 and kind not in (GREY, PALETTE) or depth == 16 and kind == PALETTE:
                continue
            yield f"{name}-{depth}.png", png(kind, depth)
            yield f"{name}-{depth}-interlaced.png", png(kind, depth, interlaced=True)
    yield "grey-16-dark.png", png(GREY, 16, dark=True)
    yield "grey-8-clear.png", png(GREY, 8, [chunk(b"tRNS", struct.pack(">H", value(1, 1, 0)))])
    yield "grey-16-clear.png", png(GREY, 16, [chunk(b"tRNS", struct.pack(">H", 5))])
    yield "rgb-8-clear.png", png(RGB, 8, [chunk(b"tRNS", struct.pack(">HHH", *(value(2, 2, c) for c in range(3))))])
    yield "palette-8-clear.png", png(PALETTE, 8, [chunk(b"tRNS", bytes(range(0, 256, 2)))])
    yield "palette-4-clear.png", png(PALETTE, 4, [chunk(b"tRNS", bytes([0, 128, 255]))])
    chroma = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    profile = b"odd\0\0" + zlib.compress(b"no profile at all")
    for name, extra in [("gamma-1", chunk(b"gAMA", struct.pack(">I", 100000))),
                        ("gamma-2.2", chunk(b"gAMA", struct.pack(">I", 45455))),
                        ("chroma", chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"cHRM", chroma)),
                        ("srgb", chunk(b"sRGB", b"\1")), ("profile", chunk(b"iCCP", profile))]:
        yield f"rgb-8-{name}.png", png(RGB, 8, [extra])
    yield "grey-8-gamma-1.png", png(GREY, 8, [chunk(b"gAMA", struct.pack(">I", 100000))])
    yield "rgba-16-gamma-1.png", png(RGBA, 16, [chunk(b"gAMA", struct.pack(">I", 100000))])
    yield "grey-alpha-8-gamma-1.png", png(GREY_ALPHA, 8, [chunk(b"gAMA", struct.pack(">I", 100000))])


# --- BMP --------------------------------------------------------------------------------------------------------


def bmp_row(y, bits, colours):
    out = ""
    for x in range(W):
        v = value(x, y, 0) % colours if bits <= 8 else 0
        if bits > 8:
            v = int.from_bytes(bytes(value(x, y, c) for c in range(bits // 8)), "little")
            out += "".join(format(b, "08b") for b in v.to_bytes(bits // 8, "little"))
        else:
            out += format(v, f"0{bits}b")
    out += "0" * (-len(out) % 32)
    return int(out, 2).to_bytes(len(out) // 8, "big")


def bmp(bits, masks=None, top=False, header=40, colours=0):
    palette = b""
    if bits <= 8:
        count = colours or 1 << bits
        palette = b"".join(bytes(value(i, 2, c) for c in range(3)) + (b"" if header == 12 else b"\0") for i in range(count))
    rows = [bmp_row(y, bits, colours or 1 << min(bits, 8)) for y in range(H)]
    if not top:
        rows.reverse()
    pixels = b"".join(rows)
    fields = struct.pack("<III", *masks) if masks else b""
    if header == 12:
        info = struct.pack("<IHHHH", 12, W, H, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, W, -H if top else H, 1, bits, 3 if masks else 0, len(pixels), 2835, 2835,
                           colours, 0)
        if header > 40:
            info += (fields or bytes(12)) + bytes(header - 52)
            fields = b""
    start = 14 + len(info) + len(fields) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + fields + palette + pixels


def bmp_files():
    for bits in [1, 4, 8, 16, 24, 32]:
        yield f"bits-{bits}.bmp", bmp(bits)
    yield "top-24.bmp", bmp(24, top=True)
    yield "top-4.bmp", bmp(4, top=True)
    for bits in [1, 4, 8, 24]:
        yield f"os2-{bits}.bmp", bmp(bits, header=12)
    yield "few-colours-8.bmp", bmp(8, colours=19)
    yield "few-colours-4.bmp", bmp(4, colours=5)
    yield "masks-565.bmp", bmp(16, masks=(0xf800, 0x7e0, 0x1f))
    yield "masks-555.bmp", bmp(16, masks=(0x7c00, 0x3e0, 0x1f))
    yield "masks-xbgr.bmp", bmp(32, masks=(0xff000000, 0xff0000, 0xff00))
    yield "masks-bgrx.bmp", bmp(32, masks=(0xff0000, 0xff00, 0xff))
    yield "version-4.bmp", bmp(24, header=108)
    yield "version-5.bmp", bmp(8, header=124)


# --- the others, by Pillow --------------------------------------------------------------------------------------


def pnm_files():
    grey = bytes(value(x, y, 0) for y in range(H) for x in range(W))
    colour = bytes(value(x, y, c) for y in range(H) for x in range(W) for c in range(3))
    size = b"%d %d\n" % (W, H)
    yield "grey.pgm", b"P5\n" + size + b"255\n" + grey
    yield "colour.ppm", b"P6\n# a comment\n" + size + b"255\n" + colour
    for most in [1, 2, 10, 30, 100, 254]:
        yield f"grey-{most}.pgm", b"P5 " + size + b"%d\n" % most + bytes(v % (most + 1) for v in grey)
    yield "colour-30.ppm", b"P6 " + size + b"30\n" + bytes(v % 31 for v in colour)


def save_webp(folder):
    image = Image.new("RGBA", (W, H))
    image.putdata([tuple(value(x, y, c) for c in range(4)) for y in range(H) for x in range(W)])
    image.convert("RGB").save(folder / "lossy.webp", quality=80, exif=b"")
    image.convert("RGB").save(folder / "lossless.webp", lossless=True)
    image.save(folder / "lossy-alpha.webp", quality=80)
    image.save(folder / "lossless-alpha.webp", lossless=True, exact=True)
    return ["lossy.webp", "lossless.webp", "lossy-alpha.webp", "lossless-alpha.webp"]


def main():
    FOLDER.mkdir(exist_ok=True)
    names = save_webp(FOLDER)
    for files in (png_files(), bmp_files(), pnm_files()):
        for name, content in files:
            (FOLDER / name).write_bytes(content)
            names.append(name)
    with open(FOLDER / "pixels.txt", "w", encoding="ascii") as out:
        for name in sorted(names):
            with Image.open(FOLDER / name) as image:
                pixels = image.convert("RGB")
                out.write(f"{name} {pixels.width} {pixels.height} {pixels.tobytes().hex()}\n")


if __name__ == "__main__":
    main()
