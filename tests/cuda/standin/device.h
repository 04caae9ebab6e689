// The CUDA device language for a C++ compiler: enough of it for dfdx's kernels in f32, one thread after the other.
#pragma once
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#define __global__
#define __device__
#define __forceinline__ inline

struct Index { unsigned x, y, z; };
extern Index blockIdx, threadIdx, blockDim, gridDim;

// A kernel: runs so many blocks of so many threads with the arguments that lie there; tells of each memory that it gets, and whether
// it may write there.
struct Kernel {
    std::function<void(unsigned, unsigned, void **)> run;
    std::function<void(void **, void (*)(const void *, bool))> uses;
};
const std::map<std::string, Kernel> &kernels();

// Kernels in half precision are compiled along, and never run.
typedef float __half;

template <class T> T atomicAdd(T *to, T value) { T before = *to; *to += value; return before; }
inline unsigned short half_bits(float value) {
    const _Float16 half = (_Float16)value;
    unsigned short bits;
    memcpy(&bits, &half, sizeof bits);
    return bits;
}
inline float half_value(unsigned short bits) {
    _Float16 half;
    memcpy(&half, &bits, sizeof half);
    return half;
}
inline unsigned __float_as_uint(float value) { unsigned bits; memcpy(&bits, &value, sizeof bits); return bits; }
inline float __uint_as_float(unsigned bits) { float value; memcpy(&value, &bits, sizeof value); return value; }
inline float __fmul_rn(float a, float b) { return a * b; }
template <class T> T maxg(T a, T b) { return a > b || b != b ? a : b; }
template <class T> T ming(T a, T b) { return a < b || b != b ? a : b; }
template <class T> T recipg(T a) { return T(1) / a; }
template <class T> T sqrtg(T a) { return std::sqrt(a); }
template <class T> T logg(T a) { return std::log(a); }
template <class T> T expg(T a) { return std::exp(a); }

inline unsigned get_strided_index(unsigned index, size_t num_dims, const size_t *dims, const size_t *strides) {
    unsigned strided = 0;
    for (size_t d = num_dims; d-- > 0; index /= dims[d]) strided += index % dims[d] * strides[d];
    return strided;
}

inline unsigned restrided(unsigned strided, size_t num_dims, const size_t *dims, const size_t *from, const size_t *to) {
    unsigned index = 0;
    for (size_t d = 0; d < num_dims; d++) index += (from[d] == 0 ? 0 : strided / from[d] % dims[d]) * to[d];
    return index;
}

// The part of a sum that one block has added up, as the device does in shared memory before it adds it to the result.
struct Partial {
    float *to;
    unsigned block;
    float sum;
    void flush() { if (to) *to += sum; to = nullptr; }
};
extern Partial partial;

template <class T> void chunk_sum(size_t chunk_len, T data, T *out) { out[(blockIdx.x * blockDim.x + threadIdx.x) / chunk_len] += data; }
template <> inline void chunk_sum<float>(size_t chunk_len, float data, float *out) {
    float *to = out + (blockIdx.x * blockDim.x + threadIdx.x) / chunk_len;
    if (partial.to != to || partial.block != blockIdx.x) { partial.flush(); partial = {to, blockIdx.x, 0}; }
    partial.sum += data;
}
template <class T> void chunk_max(size_t, size_t chunk_len, T data, T *out) {
    T *to = out + (blockIdx.x * blockDim.x + threadIdx.x) / chunk_len;
    *to = maxg(*to, data);
}
template <class T> void fill_with(T *buffer, T value, size_t numel) {
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < numel; i += blockDim.x * gridDim.x) buffer[i] = value;
}
