// Some channels of a matrix: part: [rows, channels], whole: [rows, total], channels from offset on.

extern "C" __global__ void write_part(const float *part, float *whole, u32 channels, u32 total, u32 offset, u32 count) {
    const u32 i = thread_number();
    if (i < count) whole[i / channels * total + offset + i % channels] = part[i];
}

// part += whole
extern "C" __global__ void add_part(const float *whole, float *part, u32 channels, u32 total, u32 offset, u32 count) {
    const u32 i = thread_number();
    if (i < count) part[i] += whole[i / channels * total + offset + i % channels];
}
