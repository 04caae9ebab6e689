// Values in f16, as the bits of such numbers: a type of its own would need a header.

typedef unsigned short u16;

#ifdef __CUDACC_RTC__
// The nearest one, the even one of two.
__device__ inline u16 half_bits(float value) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

__device__ inline float half_value(u16 bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}
#endif

// Values that are kept in f32 or in f16.
struct Values {
    const void *address;
    u32 half;
};

__device__ inline float value(Values x, u32 i) {
    return x.half ? half_value(((const u16 *)x.address)[i]) : ((const float *)x.address)[i];
}

// scale: null for 1.
extern "C" __global__ void to_half(const float *x, const float *scale, u16 *y, u32 count) {
    const u32 i = thread_number();
    if (i < count) y[i] = half_bits(scale ? x[i] * scale[0] : x[i]);
}

// The largest magnitude of each of so many parts of x; NaN has none.
extern "C" __global__ void largest(const float *x, float *most, u32 parts, u32 count) {
    const u32 i = thread_number();
    if (i >= parts) return;
    float largest = 0;
    for (u32 at = i; at < count; at += parts) {
        const float magnitude = fabsf(x[at]);
        if (magnitude > largest) largest = magnitude;
    }
    most[i] = largest;
}

// scale: the power of two that takes the magnitude to between 2^14 and 2^15, where f16 ends at 65504; and its inverse. 1 for
// infinity, which stays what it is.
extern "C" __global__ void power_of_two(const float *magnitude, float *scale) {
    if (thread_number() > 0) return;
    const int biased = (int)(__float_as_uint(magnitude[0]) >> 23), wanted = 14 + 127 - biased;
    const int power = biased == 255 ? 0 : wanted < 126 ? wanted : 126;
    scale[0] = __uint_as_float((u32)(127 + power) << 23);
    scale[1] = __uint_as_float((u32)(127 - power) << 23);
}
