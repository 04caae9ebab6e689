# Sourced: what builds the program with CUDA where there is neither a GPU nor CUDA. Puts into the folder $work
#   python/    nvcc and NVRTC of CUDA 13.0 from PyPI     toolkit/   the same as CUDA_PATH wants it
#   standin/   libcuda and libcublas that compute on the CPU
# and exports what `cargo build --features cuda` looks for. $work is baked into the program: kernels that are compiled while
# it runs look for headers there.

pip_packages=(
    nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-nvrtc==13.0.88
    'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cccl==13.0.*'
)
sources=$PWD/tests/cuda/standin
mkdir -p "$work/toolkit/bin" "$work/toolkit/lib" "$work/standin"

if [ ! -x "$work/python/bin/pip" ]; then
    python3 -m venv "$work/python"
    "$work/python/bin/pip" install --quiet --disable-pip-version-check "${pip_packages[@]}"
fi
cuda=$(echo "$work"/python/lib/python3*/site-packages/nvidia/cu13)
ln -sfn "$cuda/include" "$work/toolkit/include"

# dfdx's build script starts all compilers at once; each waits for its turn here. Without warnings: one that has more to say
# than a pipe holds would wait for the build script, which waits for the others.
cat > "$work/toolkit/bin/nvcc" <<END
#!/usr/bin/env bash
exec flock "$work/nvcc-\$((RANDOM % $(nproc))).lock" "$cuda/bin/nvcc" -w "\$@"
END
# It asks this program for the GPU; CUDA_COMPUTE_CAP below has the last word.
cat > "$work/toolkit/bin/nvidia-smi" <<'END'
#!/usr/bin/env bash
printf 'compute_cap\n8.0\n'
END
chmod +x "$work"/toolkit/bin/*

cargo fetch --quiet
dfdx=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/dfdx-0.13.0/src)
"$work/python/bin/python" "$sources/kernels.py" "$dfdx" src/ops/cuda "$work/standin/kernels.cpp"
# With this processor's conversions of f16; every operation rounds, as the kernels have it.
compile() { g++ -std=c++17 -O3 -march=native -ffp-contract=off -fPIC -shared -I"$sources" "$@"; }
compile -Wl,-soname,libcuda.so.1 -o "$work/standin/libcuda.so.1" "$sources/driver.cpp" "$work/standin/kernels.cpp"
# Without a version in its name, so that the program runs with the library of any.
compile -Wl,-soname,libcublas.so -o "$work/standin/libcublas.so" "$sources/cublas.cpp"
cp "$work/standin/libcublas.so" "$work/toolkit/lib/"
cp "$work/standin/libcuda.so.1" "$work/toolkit/lib/libcuda.so"
# Linked for its name alone.
compile -Wl,-soname,libcublasLt.so -x c++ -o "$work/toolkit/lib/libcublasLt.so" /dev/null
functions='nvrtcCreateProgram nvrtcCompileProgram nvrtcDestroyProgram nvrtcGetPTX nvrtcGetPTXSize nvrtcGetProgramLog
    nvrtcGetProgramLogSize nvrtcGetErrorString'
for function in $functions; do echo "extern \"C\" void $function() {}"; done |
    compile -Wl,-soname,libnvrtc.so -x c++ -o "$work/toolkit/lib/libnvrtc.so" -
ln -sf "$cuda/lib/libnvrtc.so.13" "$work/standin/libnvrtc.so"

export CUDA_PATH=$work/toolkit CUDA_COMPUTE_CAP=80 PATH=$work/toolkit/bin:$PATH CARGO_TARGET_DIR=$work/target
