// Convolution as a matrix product: a row of the left factor is what lies under the window at one output pixel.

struct Conv {
    u32 height, width, channels;
    u32 out_height, out_width;
    u32 kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
};

// Value i of x: [N, H, W, C] -> [N * H' * W', kernel_h * kernel_w * C], with zeros for the padding of the map.
template <class T> __device__ inline T under_window(const T *x, Conv g, u32 i) {
    const u32 c = i % g.channels, tap = i / g.channels;
    const u32 kx = tap % g.kernel_w, ky = tap / g.kernel_w % g.kernel_h;
    const Place out = place(tap / (g.kernel_w * g.kernel_h), g.out_height, g.out_width, 1);
    // Over the edge on the left or at the top wraps around to numbers larger than any extent.
    const u32 row = out.y * g.stride_h + ky - g.padding_h, column = out.x * g.stride_w + kx - g.padding_w;
    const bool inside = row < g.height && column < g.width;
    return inside ? x[((out.image * g.height + row) * g.width + column) * g.channels + c] : 0;
}

// Where value i of these lies, if rows are so far apart.
__device__ inline u32 in_rows(Conv g, u32 apart, u32 i) {
    const u32 taps = g.kernel_h * g.kernel_w * g.channels;
    return i / taps * apart + i % taps;
}

extern "C" __global__ void window_rows(const float *x, float *rows, Conv g, u32 apart, u32 count) {
    const u32 i = thread_number();
    if (i < count) rows[in_rows(g, apart, i)] = under_window(x, g, i);
}

// The bits of a zero in f16 are zero.
extern "C" __global__ void window_rows_half(const u16 *x, u16 *rows, Conv g, u32 apart, u32 count) {
    const u32 i = thread_number();
    if (i < count) rows[in_rows(g, apart, i)] = under_window(x, g, i);
}

// Adds to dx: [N, H, W, C] what the gradient of rows has for each of its values.
extern "C" __global__ void window_rows_gradient(const float *rows, float *dx, Conv g, u32 count) {
    const u32 i = thread_number();
    if (i >= count) return;
    const Place in = place(i, g.height, g.width, g.channels);
    float sum = 0;
    for (u32 ky = 0; ky < g.kernel_h; ky++) {
        // Wraps around as above.
        const u32 top = in.y + g.padding_h - ky, oy = top / g.stride_h;
        if (oy * g.stride_h != top || oy >= g.out_height) continue;
        for (u32 kx = 0; kx < g.kernel_w; kx++) {
            const u32 left = in.x + g.padding_w - kx, ox = left / g.stride_w;
            if (ox * g.stride_w != left || ox >= g.out_width) continue;
            const u32 row = (in.image * g.out_height + oy) * g.out_width + ox;
            sum += rows[((row * g.kernel_h + ky) * g.kernel_w + kx) * g.channels + in.channel];
        }
    }
    dx[i] += sum;
}
