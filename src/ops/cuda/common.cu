// Kernels on NHWC maps. Each value is written by one thread, which adds up all that belongs to it in a fixed order: so
// nothing races, nothing is added atomically, and a sum has the same bits every time.

typedef unsigned int u32;

__device__ inline u32 thread_number() { return blockIdx.x * blockDim.x + threadIdx.x; }

struct Place { u32 image, y, x, channel; };

// Where value i of a map lies: [N, height, width, channels].
__device__ inline Place place(u32 i, u32 height, u32 width, u32 channels) {
    const u32 pixel = i / channels, row = pixel / width;
    return {row / height, row % height, pixel % width, i % channels};
}

struct Span { u32 first, end; };

__device__ inline bool holds(Span span, u32 at) { return span.first <= at && at < span.end; }
__device__ inline u32 length(Span span) { return span.end - span.first; }

// What number i of so many equal parts has of count things; the last ones may have less.
__device__ inline Span share(u32 i, u32 parts, u32 count) {
    const u32 depth = (count - 1) / parts + 1, first = i * depth;
    return {first, first + depth < count ? first + depth : count};
}

// y = 2 x: shows that kernels find the memory of tensors.
extern "C" __global__ void twice(const float *x, float *y, u32 count) {
    const u32 i = thread_number();
    if (i < count) y[i] = 2 * x[i];
}
