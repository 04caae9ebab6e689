#!/usr/bin/env bash
# What there is to know on a machine with an NVIDIA GPU: whether the operations are right there, whether kernels touch memory
# that is not theirs, how fast training steps are beside PyTorch, and which kernels take the time. Needs a driver that knows
# the CUDA that the program was packed with, the headers of CUDA (with nvcc, or with PyTorch), python3 with PyTorch, and glibc
# 2.35; neither Rust nor a network. Takes at most nine minutes: what does not fit is named. Ends where the tests fail.
#
# usage: tests/cuda/pack.sh    where Rust is; then, with this checkout and target/acceptance on the machine with the GPU:
#        tests/cuda/acceptance.sh [SIZE:BATCH...]    images of the steps that are timed
set -uo pipefail
cd "$(dirname "$0")/../.."
packed=$PWD/target/acceptance
nas=$packed/inception-nas
cases=${*:-224:128 224:64 224:256 64:256}
read -r main _ <<<"$cases"
last=530 # seconds
failed=0
step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }
# Runs a command for so many seconds at most, or until time is up.
within() {
    local most=$1 left=$((last - SECONDS))
    shift
    [ "$left" -gt 5 ] || { echo "not done: time is up" >&2; return 124; }
    timeout --kill-after=10 "$((most < left ? most : left))" "$@"
}

step "machine"
nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv || exit 1
# Keeps the driver from starting anew for each of the programs below.
nvidia-smi --loop=600 >/dev/null &
watcher=$!
{ read -r headers && read -r out && read -r cuda; } <"$packed/places"
knows=$(nvidia-smi | grep -o 'CUDA Version: *[0-9.]*' | grep -o '[0-9.]*$')
if [ "$(printf '%s\n' "$cuda" "${knows:-$cuda}" | sort -V | head -n 1)" != "$cuda" ]; then
    echo "the program is packed with CUDA $cuda, and this driver knows CUDA up to $knows: another driver is needed" >&2
    exit 1
fi
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
toolkit=$(dirname "$(dirname "$(realpath "$nvcc")")")
python3 -c 'import torch; print("PyTorch", torch.__version__, "CUDA", torch.version.cuda)'
# The libraries of CUDA lie with nvcc or with PyTorch. The program takes any version of them.
with_torch() {
    python3 -c 'import sys, nvidia; print(*(f"{path}/*/{sys.argv[1]}" for path in nvidia.__path__))' "$1" 2>/dev/null
}
links=$(mktemp -d)
trap 'rm -rf "$links"; kill "$watcher"' EXIT
for library in libcublas libnvrtc; do
    found=
    for folder in "$toolkit/lib64" "$toolkit/lib" "$toolkit"/targets/*/lib $(with_torch lib); do
        for file in $folder/$library.so.*; do [ -e "$file" ] && found=$file && break 2; done
    done
    [ -n "$found" ] || { echo "$library is neither in $toolkit nor with PyTorch" >&2; exit 1; }
    echo "$library: $found"
    ln -s "$found" "$links/$library.so"
    # Beside the file itself lies what it loads.
    libraries=${libraries:+$libraries:}$(dirname "$(realpath "$found")")
done
# For our programs alone: PyTorch finds its own, and may not start with others.
ours=(env "LD_LIBRARY_PATH=$links:$libraries:${LD_LIBRARY_PATH:-}")
found=
for folder in "$toolkit/include" "$toolkit"/targets/*/include $(with_torch include); do
    for file in $folder/cuda_fp16.h; do [ -e "$file" ] && found=$(dirname "$file") && break 2; done
done
[ -n "$found" ] || { echo "cuda_fp16.h is neither in $toolkit nor with PyTorch" >&2; exit 1; }
echo "headers: $found"
for place in "$headers=$found" "$out=$packed/out"; do
    [ -e "${place%%=*}" ] || { mkdir -p "$(dirname "${place%%=*}")" && ln -sfn "${place#*=}" "${place%%=*}"; } || exit 1
done

step "operations, networks and training steps against references and PyTorch's values"
export INCEPTION_NAS_TEST_CUDA=1
if ! within 200 "${ours[@]}" "$packed/tests" cuda gpu --quiet; then
    # After a kernel has touched memory that is not its own, all else fails too: one after the other shows the first one.
    within 120 "${ours[@]}" CUDA_LAUNCH_BLOCKING=1 "$packed/tests" cuda gpu --test-threads 1 --nocapture 2>&1 | tail -n 60
    echo "the tests failed: nothing is timed" >&2
    exit 1
fi

step "memory that kernels touch, in small steps and convolutions"
sanitizer=$(command -v compute-sanitizer || echo "$toolkit/bin/compute-sanitizer")
small=("$nas" bench --device cuda --arch googlenet:0.1 --size 32 --batch 4 --steps 1 --quiet)
sanitized() {
    within 60 "${ours[@]}" "$sanitizer" --error-exitcode 1 "$@" >"$links/sanitized" 2>&1
    local status=$?
    grep 'ERROR SUMMARY' "$links/sanitized"
    [ "$status" -ne 124 ] || { echo "not done in time: $*"; return 0; }
    # One that has seen no kernel says nothing.
    [ "$status" -eq 0 ] && grep -q 'ERROR SUMMARY: 0 errors' "$links/sanitized" || { tail -n 20 "$links/sanitized"; return 1; }
}
if [ -x "$sanitizer" ]; then
    sanitized "${small[@]}" || failed=1
    sanitized "${small[@]}" --precision f16 || failed=1
    sanitized "$packed/tests" a_gpu_may_take_few_images_at_a_time --test-threads 1 || failed=1
else
    echo "not done: there is no compute-sanitizer"
fi

# A line of a table from the JSON of a benchmark.
row() {
    local what=$1
    shift
    local json status
    json=$(within 90 "$@" 2>"$links/stderr" | tail -n 1)
    status=$?
    [ "$status" -ne 124 ] || { echo "$what: not done in time"; return 0; }
    python3 -c 'import json, sys
what, text = sys.argv[1:]
try:
    it = json.loads(text)
    print("{:<46} {:9.1f} images/s {:>8} MiB".format(what, it["images_per_s"], str(it["peak_mib"])))
except (ValueError, KeyError):
    sys.exit(what + ": not measured")' "$what" "$json" || { tail -n 3 "$links/stderr"; return 1; }
}
timed() {
    row "${1%:*} px, batch ${1#*:}, inception-nas $2" "${ours[@]}" "$nas" bench --no-aux --json --quiet --device cuda \
        --precision "$2" --size "${1%:*}" --batch "${1#*:}" || failed=1
}
torch() {
    row "${1%:*} px, batch ${1#*:}, PyTorch $2 ${3:-}" \
        python3 benches/peers/torch_step.py --device cuda --size "${1%:*}" --batch "${1#*:}" --precision "$2" ${3:-}
}
both() { for precision in f32 tf32 f16; do timed "$1" "$precision"; torch "$1" "$precision"; done; }
# Ours are of the program's own memory: cuBLAS has up to 64 MiB more, which PyTorch's count holds.
step "training steps of GoogLeNet without auxiliary heads"
both "$main"

step "the ten dearest kernels at ${main%:*} px, batch ${main#*:}"
steps=("${ours[@]}" "$nas" bench --no-aux --device cuda --size "${main%:*}" --batch "${main#*:}" --steps 4 --quiet)
if command -v nsys >/dev/null; then
    within 60 nsys profile --output "$links/profile" "${steps[@]}" >/dev/null &&
        within 60 nsys stats --quiet --report cuda_gpu_kern_sum "$links/profile.nsys-rep" | head -n 16
else
    echo "not done: there is no nsys; these are the modules of the network instead"
    within 60 "${steps[@]}" --profile
fi

# Random networks of about a quarter of the paper's widths, on images that the program draws. What a search takes to begin is in
# both of its parts, and not in their difference.
quarter=(--space default.toml --strategy random --set widths.min_ratio=0.2 --set widths.max_ratio=0.3 --set search.window=8
    --set protocol.batch=64 --set protocol.train_images=3000 --set protocol.epochs=3)
candidates() {
    local at_once=$1 began=$EPOCHREALTIME half ended status
    local search=("${ours[@]}" "$nas" run "${quarter[@]}" --workers "$at_once" --device cuda --precision tf32
        --results "$links" --name "$at_once" --quiet)
    within 60 "${search[@]}" --trials 8 >/dev/null 2>"$links/stderr" && half=$EPOCHREALTIME &&
        within 60 "${search[@]}" --trials 40 >/dev/null 2>"$links/stderr"
    status=$?
    ended=$EPOCHREALTIME
    [ "$status" -ne 124 ] || { echo "$at_once at once: not done in time"; return 0; }
    [ "$status" -eq 0 ] || { tail -n 3 "$links/stderr"; return 1; }
    python3 -c 'import sys
at_once, began, half, ended = sys.argv[1], *map(float, sys.argv[2:])
rate = (32 - 8) / (ended - half - (half - began))
print("{} at once: {:.0f} candidates an hour, {:.1f} images/s of training".format(at_once, 3600 * rate, 3000 * 3 * rate))' \
        "$at_once" "$began" "$half" "$ended"
}
step "candidates of a quarter of the widths at 64 px, batch 64, TF32; PyTorch has one at a time"
for at_once in 1 4 8; do candidates "$at_once" || failed=1; done
row "64 px, batch 64, widths x0.25, PyTorch tf32" \
    python3 benches/peers/torch_step.py --device cuda --arch googlenet:0.25 --size 64 --batch 64 --precision tf32

step "other training steps, and PyTorch's with torch.compile, as far as time allows"
for case in $cases; do [ "$case" = "$main" ] || both "$case"; done
for case in $cases; do
    for precision in f32 tf32 f16; do torch "$case" "$precision" --compile; done
done

step "done"
[ "$failed" -eq 0 ] || { echo "something above failed" >&2; exit 1; }
