#!/usr/bin/env bash
# The program built with CUDA, and run without a GPU: its kernels are compiled as they are, and their sources run on the CPU
# in place of a GPU, one thread after the other. Shows that what is computed is right; shows no race and no speed.
#
# usage: tests/cuda/standin.sh [FOLDER]    the folder, target/cuda by default, keeps compilers and builds
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(realpath -m "${1:-target/cuda}")
step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

step "compilers and stand-in"
# shellcheck source=tests/cuda/toolkit.sh
source tests/cuda/toolkit.sh
du -sh "$work/python"

step "build"
cargo build --release --features cuda
cargo test --release --features cuda --lib --no-run
export LD_LIBRARY_PATH=$work/standin:$cuda/lib INCEPTION_NAS_CACHE=$work/cache
nas=$CARGO_TARGET_DIR/release/inception-nas

step "what is refused, and how"
refused() {
    local code=$1 text=$2
    shift 2
    local said status=0
    said=$(env "$@" "$nas" bench --arch googlenet:0.1 --size 32 --batch 4 --steps 1 --device "$device" 2>&1) || status=$?
    if [ "$status" -ne "$code" ] || ! grep -q "$text" <<<"$said"; then
        printf 'expected exit code %s and "%s", got %s and:\n%s\n' "$code" "$text" "$status" "$said" >&2
        return 1
    fi
    grep -m1 '^error' <<<"$said"
}
device=cuda refused 2 'no NVIDIA GPU' STANDIN_DEVICES=0
device=cuda:3 refused 2 'no GPU number 3: this machine has 1' STANDIN_DEVICES=1
device=cuda refused 1 'knows CUDA up to 11.8' STANDIN_DRIVER=11080
device=cuda refused 1 'has no memory left' STANDIN_MEMORY=10
device=cuda refused 1 'of memory, and there are 66 MiB' STANDIN_MEMORY=70000000
device=cuda refused 1 'memory is full' STANDIN_MEMORY=9000000 STANDIN_SAID_FREE=1000000000
device=cuda refused 1 'cannot be compiled' "LD_LIBRARY_PATH=$work/standin"

step "operations, networks and scores against references and PyTorch"
INCEPTION_NAS_TEST_CUDA=1 cargo test --release --features cuda --lib -- cuda gpu

step "a search on both devices"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
for device in cpu cuda; do
    # Two steps: the second shows what came of the gradients of the first.
    "$nas" run --space tiny.toml --trials 5 --seed 1 --set protocol.train_images=64 --device "$device" --workers 2 \
        --results "$results" --name "$device" --quiet >/dev/null 2>"$results/stderr"
done
# All memory of a training goes with it, while others go on.
grep -q 'KiB used at most, 0 bytes not freed' "$results/stderr"
if grep -v ' 0 bytes not freed' "$results/stderr"; then exit 1; fi
"$work/python/bin/python" tests/cuda/agree.py "$results"/{cpu,cuda}/trials.jsonl
mixed() {
    local said
    if said=$("$nas" "$@" --results "$results" 2>&1) || ! grep -q 'on cuda, not on cpu' <<<"$said"; then
        printf 'results of two devices were mixed: %s\n%s\n' "$*" "$said" >&2
        return 1
    fi
}
mixed run --space tiny.toml --trials 4 --name cuda
mixed verify --run cuda
mixed finals --run cuda

step "searches with rounded factors"
for precision in tf32 f16; do
    "$nas" run --space tiny.toml --trials 2 --seed 1 --set protocol.train_images=64 --device cuda --precision "$precision" \
        --results "$results" --name "$precision" --quiet >/dev/null 2>&1
    grep -q "\"device\": \"cuda-$precision\"" "$results/$precision/manifest.json"
    grep -c '"status":"done"' "$results/$precision/trials.jsonl"
    if "$nas" verify --run "$precision" --results "$results" --device cuda >/dev/null 2>&1; then exit 1; fi
done

step "the memory of a training step, expected and used"
while read -r options; do
    # shellcheck disable=SC2086
    STANDIN_IDLE=1 "$nas" bench $options --steps 1 --device cuda --json --quiet 2>/dev/null | "$work/python/bin/python" -c 'import json, sys
it = json.load(sys.stdin)
over = it["expected_mib"] / (it["peak_mib"] + 1) - 1
print("{}: {} MiB used, {} expected".format(sys.argv[1], it["peak_mib"], it["expected_mib"]))
assert 0 <= over < 0.1, over' "$options"
done <<'END'
--arch googlenet:0.5 --size 33 --batch 5 --no-aux
--arch googlenet:0.25 --size 96 --batch 32
--size 224 --batch 64 --no-aux
END

step "searches without enough memory"
# The trainings of two workers fit one after the other, and none is refused; the images do not stay there. Nothing else is
# different: one thread after the other sums in a fixed order.
STANDIN_MEMORY=82000000 "$nas" run --space tiny.toml --trials 5 --seed 1 --set protocol.train_images=64 --device cuda --workers 2 \
    --results "$results" --name tight --quiet >/dev/null 2>&1
outcomes() { grep -o '"index":[0-9]*,\|"outcome":[^}]*' "$results/$1/trials.jsonl" | paste - - | sort; }
cmp <(outcomes cuda) <(outcomes tight)
if STANDIN_MEMORY=70000000 "$nas" run --space tiny.toml --device cuda --results "$results" --name full --quiet >/dev/null 2>&1; then exit 1; fi
grep -c '"status":"failed".*of memory, and there are [0-9]* MiB' "$results/full/trials.jsonl"
step "done"
