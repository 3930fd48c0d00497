#!/usr/bin/env python3
"""The laws of the house, over the include lines and over the symbols (nm) of the built objects.

  1. A file includes only from rooms of lower floors, from its own room, or the interface of the family that its
     room stands in (models/graph sees models/model.h).
  2. No room uses a symbol (function, data, const table) of a room that is not on a lower floor. A pointer in a
     table that is handed in is no symbol, and so is allowed.
  3. Inside a room no files use each other in a ring, unless a header of the room says why in a line with
     "Ring: a.c, b.c".
  4. No symbol is visible that only its own file uses; tests count as users.
  5. A foreign library is included and called behind its doors only (mk/rooms.txt).
  6. A module shows its table and nothing else, and no library that is mapped with it has a symbol of the name of
     one that the program shows to modules: it would be taken for its own.

usage: mk/floors.py BUILD_FOLDER     prints the table of rooms, then what breaks a law; exit code 1 if anything does.
       mk/floors.py --table          the table alone; needs no build
"""
import os
import re
import subprocess
import sys
from collections import defaultdict

SOURCES = ("src", "models", "adversary", "data", "cmd")
# Where a foreign library's headers and symbols are known by. Headers match what stands between the brackets.
LIBRARIES = {
    "openssl": (r"^openssl/", r"^(EVP_|SHA|CRYPTO_|RAND_)"),
    "cjson": (r"cJSON", r"^cJSON_"),
    "hdf5": (r"^hdf5", r"^H5"),
    "cblas": (r"cblas|openblas", r"^(cblas_|openblas_)"),
    "dnnl": (r"dnnl\.h$|^oneapi", r"^dnnl_"),
    "jpeg": (r"^(jpeglib|jerror)", r"^jpeg_"),
    "png": (r"^png", r"^png_"),
    "webp": (r"^webp/", r"^(WebP|VP8)"),
    "curl": (r"^curl", r"^curl_"),
    "zlib": (r"^zlib", r"^(inflate|deflate|crc32|adler32|gz(open|read|close|error|buffer))"),
    "mpi": (r"^mpi\.h", r"^(P?MPI_|ompi_)"),
    "zmq": (r"^zmq", r"^zmq_"),
    "cuda": (r"^(cuda|cublas|cudnn|nccl)", r"^(cuda|cublas|cudnn|nccl|cu[A-Z])"),
    "criterion": (r"^criterion", r"^criterion_"),
}

# A module's table is asked for by name, while the program runs.
MODULE_TABLE = "signsgd_module_"


class Room:
    def __init__(self, line):
        head, self.about, libraries = (part.strip() for part in line.split("|"))
        floor, self.path = head.split()
        self.floor, self.libraries = int(floor), libraries.split()


def read_rooms():
    with open("mk/rooms.txt", encoding="utf-8") as f:
        return [Room(line) for line in f if line.strip() and not line.startswith("#")]


def print_table(rooms):
    print("| floor | room | what stands there | only door to |")
    print("| ---: | --- | --- | --- |")
    for r in sorted(rooms, key=lambda r: -r.floor):
        print(f"| {r.floor} | `{r.path}` | {r.about} | {', '.join(r.libraries)} |")


class House:
    def __init__(self, rooms):
        self.rooms = sorted(rooms, key=lambda r: -len(r.path))
        self.complaints = []

    def complain(self, sentence):
        self.complaints.append(sentence)

    def room_of(self, path):
        folder = os.path.dirname(path)
        for r in self.rooms:
            if folder == r.path or os.path.splitext(path)[0] == os.path.splitext(r.path)[0]:
                return r
        return None

    def may_use(self, user, used):
        """A sentence if a file may not use another; None if it may."""
        a, b = self.room_of(user), self.room_of(used)
        if not a or not b:
            return f"{user if not a else used} stands in no room of mk/rooms.txt"
        interface = a.path.startswith(b.path + "/") and used.endswith(".h")
        if a is b or a.floor > b.floor or interface:
            return None
        return f"{user} ({a.path}, floor {a.floor}) uses {used} ({b.path}, floor {b.floor})"

    def check_door(self, path, library, what):
        room = self.room_of(path)
        if not room or library not in room.libraries:
            self.complain(f"{path}: {what} belongs behind the door of {library}")


def source_files(*endings):
    for top in SOURCES:
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.join(folder, name)


def check_includes(house):
    count = 0
    for path in source_files(".c", ".h", ".cu", ".cuh"):
        with open(path, encoding="utf-8") as f:
            found = re.findall(r'^\s*#\s*include\s*(["<])([^">]+)', f.read(), re.M)
        for mark, name in found:
            count += 1
            if mark == "<":
                for library, (header, _) in LIBRARIES.items():
                    if re.search(header, name):
                        house.check_door(path, library, f"<{name}>")
                continue
            target = next((t for t in (name, "src/" + name) if os.path.exists(t)), None)
            if not target:
                house.complain(f'{path}: "{name}" is no path from the root or from src/')
                continue
            wrong = house.may_use(path, target)
            if wrong:
                house.complain(f"{wrong}: includes it")
    return count


class Symbols:
    """Who defines and who uses what is visible, by source file."""

    def __init__(self, build):
        self.home = {}
        self.uses = defaultdict(set)
        self.missing = []
        for source in source_files(".c", ".cu"):
            object_file = f"{build}/{source.removesuffix('.c')}.o"
            if os.path.exists(object_file):
                self.read(object_file, source)
            else:
                self.missing.append(source)

    def read(self, object_file, source):
        out = subprocess.run(["nm", object_file], capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            *_, kind, name = line.split()
            if kind == "U":
                self.uses[source].add(name)
            elif kind in "TDRBC":
                self.home[name] = source

    def edges(self):
        """{user: {file used: [symbols]}}, without a file's use of itself."""
        out = defaultdict(lambda: defaultdict(list))
        for user, names in self.uses.items():
            for name in sorted(names):
                if self.home.get(name, user) != user:
                    out[user][self.home[name]].append(name)
        return out


def check_rooms(house, edges):
    for user in sorted(edges):
        for used, names in sorted(edges[user].items()):
            wrong = house.may_use(user, used)
            if wrong:
                house.complain(f"{wrong}: {', '.join(names[:4])}")


def rings(edges):
    """Sets of files that reach each other (Tarjan's strongly connected components of more than one)."""
    order, low, stack, found = {}, {}, [], []

    def visit(v):
        order[v] = low[v] = len(order)
        stack.append(v)
        for w in edges.get(v, ()):
            if w not in order:
                visit(w)
            if w in stack:
                low[v] = min(low[v], low[w])
        if low[v] == order[v]:
            ring = [stack.pop()]
            while ring[-1] != v:
                ring.append(stack.pop())
            if len(ring) > 1:
                found.append(sorted(ring))

    for v in sorted(edges):
        if v not in order:
            visit(v)
    return found


def excused(ring):
    """Does a header of the ring's room name all its files in a line with "Ring:"?"""
    folder = os.path.dirname(ring[0])
    for name in os.listdir(folder):
        if name.endswith(".h"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                for line in re.findall(r"Ring:.*", f.read()):
                    if all(os.path.basename(p) in line for p in ring):
                        return True
    return False


def check_rings(house, edges):
    for ring in rings(edges):
        if not excused(ring):
            house.complain("a ring of files that use each other: " + ", ".join(ring))


def words_of_tests():
    words = set()
    for folder, _, names in os.walk("tests"):
        for name in names:
            if name.endswith((".c", ".h")):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    words.update(re.findall(r"\b[A-Za-z_]\w+\b", f.read()))
    return words


def check_visible(house, symbols):
    used = set().union(*symbols.uses.values()) | words_of_tests() | {"main"}
    for name, source in sorted(symbols.home.items()):
        if name not in used and not name.startswith(MODULE_TABLE):
            house.complain(f"{source}: {name} is visible, and only this file uses it")


def check_foreign_symbols(house, symbols):
    for source, names in sorted(symbols.uses.items()):
        for name in sorted(names):
            if name in symbols.home:
                continue
            for library, (_, pattern) in LIBRARIES.items():
                if re.search(pattern, name):
                    house.check_door(source, library, name)


def shown_by(path):
    """Names of the dynamic symbols that a file defines, without versions."""
    out = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines()}


def check_modules(house, build):
    exports = f"{build}/exports.list"
    if not os.path.exists(exports):
        return
    with open(exports, encoding="utf-8") as f:
        names = set(re.findall(r"\w+", f.read()))
    modules = [f"{build}/{name}" for name in sorted(os.listdir(build)) if name.endswith(".so")]
    for module in modules:
        for name in sorted(shown_by(module)):
            if not name.startswith(MODULE_TABLE):
                house.complain(f"{module}: shows {name}, not its table alone")
    mapped = subprocess.run(["ldd", f"{build}/signsgd", *modules], capture_output=True, text=True, check=True).stdout
    for library in sorted(set(re.findall(r"=> (/\S+)", mapped))):
        for name in sorted(names & shown_by(library)):
            house.complain(f"{library}: has a symbol {name}, and the program shows one of that name to modules")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    rooms = read_rooms()
    print_table(rooms)
    if sys.argv[1:] == ["--table"]:
        return 0
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        print(__doc__, file=sys.stderr)
        return 2
    house, symbols = House(rooms), Symbols(sys.argv[1])
    if not symbols.home:
        print(f"floors: no objects in {sys.argv[1]}; build first", file=sys.stderr)
        return 1
    includes, edges = check_includes(house), symbols.edges()
    check_rooms(house, edges)
    check_rings(house, edges)
    check_visible(house, symbols)
    check_foreign_symbols(house, symbols)
    check_modules(house, sys.argv[1])
    for sentence in house.complaints:
        print("floors: " + sentence, file=sys.stderr)
    if house.complaints:
        print(f"floors: {len(house.complaints)} things break the law", file=sys.stderr)
        return 1
    uses = sum(len(names) for used in edges.values() for names in used.values())
    for source in symbols.missing:
        print(f"floors: not built, so not looked at: {source}")
    print(f"\nfloors: {includes} includes and {uses} uses of symbols keep the law")
    return 0


if __name__ == "__main__":
    sys.exit(main())
