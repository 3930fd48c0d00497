#!/bin/sh
# A golden pack of four of the golden pictures, made by version 0.1.0, which put no seal on it:
#
#     tests/golden/make_pack.sh PROGRAM_OF_0.1.0
set -eu
golden=$(dirname "$0")
folder=$(mktemp -d)
mkdir -p "$folder/train/a" "$folder/train/b" "$folder/val/a" "$folder/val/b"
cp "$golden/images/rgb-8.png" "$folder/train/a/1.png"
cp "$golden/images/grey-8.png" "$folder/train/b/1.png"
cp "$golden/images/rgba-8.png" "$folder/val/a/1.png"
cp "$golden/images/palette-8.png" "$folder/val/b/1.png"
"$1" data pack "$folder" -o "$golden/pack-0.1.0.h5"
rm -r "$folder"
