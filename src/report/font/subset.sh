#!/usr/bin/env bash
# Makes the two font files beside this script: DejaVu Sans 2.37, regular and bold, as matplotlib ships it, cut down to the letters of
# Latin, Greek and Cyrillic scripts, punctuation and the marks that the pictures use, without hints.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet --disable-pip-version-check fonttools==4.68.0
"$work/python/bin/pip" download --quiet --no-deps --dest "$work" matplotlib==3.11.2
"$work/python/bin/python" -m zipfile -e "$work"/matplotlib-*.whl "$work/matplotlib"
fonts="$work/matplotlib/matplotlib/mpl-data/fonts/ttf"

for font in DejaVuSans DejaVuSans-Bold; do
    "$work/python/bin/pyftsubset" "$fonts/$font.ttf" --output-file="$font.ttf" --no-hinting --layout-features=kern,mark,ccmp \
        --unicodes=U+20-7E,U+A0-17F,U+370-3FF,U+400-45F,U+2010-2027,U+2030-203A,U+2190-2193,U+2212,U+2248,U+2264-2265,U+25A0-25CF
done
cp "$fonts/LICENSE_DEJAVU" LICENSE
