"""Writes one C++ file of the kernels that the program uses, dfdx's and its own, and a table of them by name.

usage: kernels.py DFDX_SOURCES OWN_SOURCES OUT.cpp
"""

import re
import sys
from pathlib import Path

# Every kernel of dfdx that this project launches; the stand-in names one that is missing.
COMPILED_WITH_DFDX = """add/binary_add add/scalar_add sub/binary_sub sub/scalar_sub mul/binary_mul mul/scalar_mul
div/binary_div div/scalar_div select_and_gather/gather sum_to/sum_to max_to/max_to cmp/cmp choose/choose relu/relu sqrt/sqrt
square/square exp/exp ln/ln negate/negate axpy/axpy sgd/sgd""".split()
COMPILED_WHEN_RUN = ["concat_along", "reshape_to"]
OWN = ["common", "half", "conv", "norm", "pool", "parts", "images"]

TABLE = """
Index blockIdx, threadIdx, blockDim, gridDim;
Partial partial;
template <class... A, size_t... I> std::tuple<A...> typed(void **arguments, std::index_sequence<I...>) {
    return {*(std::remove_const_t<A> *)arguments[I]...};
}
using Tell = void (*)(const void *, bool);
template <class T> void told(T *memory, Tell tell, int) { tell(memory, !std::is_const_v<T>); }
template <class T> auto told(T values, Tell tell, int) -> decltype((void)values.address) { tell(values.address, false); }
template <class T> void told(T, Tell, long) {}
// The kernel is known when this is compiled, and becomes part of the loop.
template <auto kernel, class... A> Kernel entry(void (*)(A...)) {
    const std::index_sequence_for<A...> each;
    return {
        [=](unsigned blocks, unsigned threads, void **arguments) {
            const auto values = typed<A...>(arguments, each);
            gridDim = {blocks, 1, 1}, blockDim = {threads, 1, 1};
            for (blockIdx = {0, 0, 0}; blockIdx.x < blocks; blockIdx.x++)
                for (threadIdx = {0, 0, 0}; threadIdx.x < threads; threadIdx.x++) std::apply(kernel, values);
            partial.flush();
        },
        [=](void **arguments, Tell tell) {
            std::apply([=](auto... values) { (told(values, tell, 0), ...); }, typed<A...>(arguments, each));
        },
    };
}
const std::map<std::string, Kernel> &kernels() {
    static const std::map<std::string, Kernel> table = {
        {"fill_with_f32", entry<fill_with<float>>(fill_with<float>)},
%s    };
    return table;
}
"""


def plain(source):
    """Without what `device.h` stands for."""
    source = re.sub(r"#include[^\n]*\n|#if __WORDSIZE.*?#endif", "", source, flags=re.S)
    source = re.sub(r"template<typename T>\s*__device__ void chunk_max\(.*?\n}\n", "", source, flags=re.S)
    source = re.sub(r"__device__ void chunk_sum_amp_f16\(.*?\n}\n", "", source, flags=re.S)
    return source.replace("chunk_sum_amp_f16(", "chunk_sum<__half>(").replace('extern "C" ', "")


def main(dfdx, own, out):
    operations = dfdx / "tensor_ops"
    macros = "".join((operations / f"utilities/{kind}_op_macros.cuh").read_text() for kind in ("binary", "unary"))
    parts, table = [plain(macros)], []
    for path in COMPILED_WITH_DFDX:
        source = plain((operations / f"{path}.cu").read_text())
        scope = path.replace("/", "_")
        parts.append(f"namespace {scope} {{\n{source}\n}}\n")
        table += [(name, scope) for name in sorted(set(re.findall(r"\b\w+_f32\b", source)))]
    for path in COMPILED_WHEN_RUN:
        rust = (operations / path / "cuda_kernel.rs").read_text()
        source = "".join(re.findall(r'KERNEL: &str = "(.*?)\n";', rust, flags=re.S)).replace('\\"', '"')
        source = plain(source).replace("$Ty", "float").replace("$T", "float")
        parts.append(f"namespace {path} {{\n{source}\n}}\n")
        table += [(name, path) for name in re.findall(r"__global__ void (\w+)\(", source)]
    source = plain("".join((own / f"{name}.cu").read_text() for name in OWN))
    parts.append(f"namespace own {{\n{source}\n}}\n")
    table += [(name, "own") for name in re.findall(r"__global__ void (\w+)\(", source)]
    entries = "".join(f'        {{"{name}", entry<{scope}::{name}>({scope}::{name})}},\n' for name, scope in table)
    headers = ["device.h", "tuple", "utility"]
    includes = "".join(f"#include <{header}>\n" for header in headers)
    out.write_text(includes + "".join(parts) + TABLE % entries)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
