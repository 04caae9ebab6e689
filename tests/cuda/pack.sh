#!/usr/bin/env bash
# Builds what `acceptance.sh` needs on a machine with a GPU and without Rust, into target/acceptance. Needs no GPU itself.
#
# usage: tests/cuda/pack.sh [FOLDER]    the folder is that of standin.sh, whose builds are used again
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(realpath -m "${1:-target/cuda}")
packed=$PWD/target/acceptance
# shellcheck source=tests/cuda/toolkit.sh
source tests/cuda/toolkit.sh
cargo build --release --features cuda
tests=$(cargo test --release --features cuda --lib --no-run --message-format=json |
    "$work/python/bin/python" -c 'import json, sys; print(*filter(None, (json.loads(line).get("executable") for line in sys.stdin)))')
rm -rf "$packed"
mkdir -p "$packed/out"
strip -o "$packed/inception-nas" "$CARGO_TARGET_DIR/release/inception-nas"
strip -o "$packed/tests" "$tests"
# Where the program looks for the headers of kernels that are compiled while it runs: those of CUDA, and those of dfdx.
out=$(grep -aoh "$CARGO_TARGET_DIR/release/build/dfdx-[0-9a-f]*/out" "$packed/inception-nas" "$packed/tests" | sort -u)
[ -d "$out" ] || { printf 'the programs were built with other headers than each other:\n%s\n' "$out" >&2; exit 1; }
cp "$out"/*.cuh "$packed/out/"
# And which CUDA the driver has to know.
version=$(sed -n 's/^#define CUDA_VERSION *//p' "$CUDA_PATH/include/cuda.h")
printf '%s\n' "$CUDA_PATH/include" "$out" "$((version / 1000)).$((version % 1000 / 10))" >"$packed/places"
du -sh "$packed"
