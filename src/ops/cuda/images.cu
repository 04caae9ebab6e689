// Batches of images: cut out, stretched, mirrored and normalised, with the arithmetic of the CPU, to the bit.

struct Colours { float mean[3], deviation[3]; };

// Of image `place`: the box with this corner and size, in pixels, stretched to the whole map; mirrored if flip is 1.
struct PlacedCut { u32 place, flip; float left, top, width, height; };

// Where a row or column comes from: two neighbours and the share of the second.
struct Tap { u32 near, far; float share; };

// A product that the compiler must not fuse with a sum, as the CPU does not: __fmul_rn.
__device__ inline Tap tap(u32 position, u32 side, float start, float length) {
    const u32 last = side - 1;
    float at = start + __fmul_rn((float)position + 0.5f, length) / (float)side - 0.5f;
    at = at < 0 ? 0 : at > (float)last ? (float)last : at;
    const u32 near = (u32)at < last ? (u32)at : last;
    return {near, near < last ? near + 1 : last, at - (float)near};
}

__device__ inline float blend(float near, float far, float share) { return near + __fmul_rn(far - near, share); }

// pixels: [images, side, side, 3], maybe more than 2^32 bytes; a thread for each of count pixels of maps: [N, side, side, 3].
extern "C" __global__ void cut_images(
    const unsigned char *pixels, const PlacedCut *cuts, Colours colours, u32 side, float *maps, u32 count
) {
    const u32 i = thread_number();
    if (i >= count) return;
    const Place out = place(i, side, side, 1);
    const PlacedCut cut = cuts[out.image];
    const Tap row = tap(out.y, side, cut.top, cut.height);
    const Tap column = tap(cut.flip ? side - 1 - out.x : out.x, side, cut.left, cut.width);
    pixels += (unsigned long long)cut.place * (side * side * 3);
    for (u32 c = 0; c < 3; c++) {
        const unsigned char *upper = pixels + row.near * side * 3 + c, *lower = pixels + row.far * side * 3 + c;
        const float left = blend(upper[3 * column.near], lower[3 * column.near], row.share);
        const float right = blend(upper[3 * column.far], lower[3 * column.far], row.share);
        maps[3 * i + c] = (blend(left, right, column.share) / 255.0f - colours.mean[c]) / colours.deviation[c];
    }
}
