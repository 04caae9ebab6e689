// Batch norm over the rows of x: [rows, C], in f32 or f16, with ReLU riding along; all else is in f32. floor: 0 with ReLU,
// minus infinity without.
//
// A norm is [4, C]: mean, inverse deviation, gain, offset. Sums over rows are taken in shards, [2, shards, C], two sums a
// channel, and then of ever fewer shards.
// Source: Ioffe and Szegedy 2015, algorithm 1 and section 3.

// One way of computing it for the output and for the mask of the gradient, so that they cannot disagree.
__device__ inline float normalized(float x, const float *norm, u32 c, u32 channels) {
    return fmaf(x, norm[2 * channels + c], norm[3 * channels + c]);
}

// Of each shard: the sums of x - pivot and of its square, where the pivot is the first row. Squares of values far from 0
// would cancel.
extern "C" __global__ void norm_sums(Values x, float *sums, u32 rows, u32 channels, u32 shards) {
    const u32 i = thread_number();
    if (i >= shards * channels) return;
    const u32 c = i % channels;
    const Span shard = share(i / channels, shards, rows);
    const float pivot = value(x, c);
    float sum = 0, squares = 0;
    for (u32 row = shard.first; row < shard.end; row++) {
        const float deviation = value(x, row * channels + c) - pivot;
        sum += deviation;
        squares += deviation * deviation;
    }
    sums[i] = sum;
    sums[shards * channels + i] = squares;
}

// Of each shard: the sums of dy and of dy * (x - mean), where ReLU lets dy pass.
extern "C" __global__ void norm_gradient_sums(
    Values x, const float *dy, const float *norm, float floor, float *sums, u32 rows, u32 channels, u32 shards
) {
    const u32 i = thread_number();
    if (i >= shards * channels) return;
    const u32 c = i % channels;
    const Span shard = share(i / channels, shards, rows);
    const float mean = norm[c];
    float sum = 0, products = 0;
    for (u32 row = shard.first; row < shard.end; row++) {
        const float input = value(x, row * channels + c);
        const float passed = normalized(input, norm, c, channels) > floor ? dy[row * channels + c] : 0;
        sum += passed;
        products += passed * (input - mean);
    }
    sums[i] = sum;
    sums[shards * channels + i] = products;
}

__device__ inline double total(const float *sums, u32 c, u32 channels, Span shards) {
    double total = 0;
    for (u32 shard = shards.first; shard < shards.end; shard++) total += sums[shard * channels + c];
    return total;
}

// [2, shards, C] -> [2, fewer, C]
extern "C" __global__ void norm_fold(const float *sums, float *folded, u32 channels, u32 shards, u32 fewer) {
    const u32 i = thread_number();
    if (i >= 2 * fewer * channels) return;
    const u32 c = i % channels, which = i / channels / fewer;
    const Span group = share(i / channels % fewer, fewer, shards);
    folded[i] = (float)total(sums + which * shards * channels, c, channels, group);
}

__device__ inline void write_norm(
    float *norm, float mean, float variance, const float *scale, const float *shift, float epsilon, u32 c, u32 channels
) {
    const float inverse = 1 / sqrtf(variance + epsilon), gain = scale[c] * inverse;
    norm[c] = mean;
    norm[channels + c] = inverse;
    norm[2 * channels + c] = gain;
    norm[3 * channels + c] = shift[c] - mean * gain;
}

// The norm of a batch from what norm_sums has summed over x. unbiased: variance with n - 1, or n if n is 1.
extern "C" __global__ void norm_of_batch(
    Values x, const float *sums, const float *scale, const float *shift, float epsilon, float *norm, float *batch_mean,
    float *unbiased, u32 rows, u32 channels, u32 shards
) {
    const u32 c = thread_number();
    if (c >= channels) return;
    const double sum = total(sums, c, channels, {0, shards}) / rows;
    const double squares = total(sums + shards * channels, c, channels, {0, shards}) / rows;
    const float mean = (float)(value(x, c) + sum);
    // NaN has to stay NaN, so that a divergence is seen.
    float variance = (float)(squares - sum * sum);
    variance = variance < 0 ? 0 : variance;
    batch_mean[c] = mean;
    unbiased[c] = rows > 1 ? variance * ((float)rows / (float)(rows - 1)) : variance;
    write_norm(norm, mean, variance, scale, shift, epsilon, c, channels);
}

extern "C" __global__ void norm_of_moments(
    const float *mean, const float *variance, const float *scale, const float *shift, float epsilon, float *norm, u32 channels
) {
    const u32 c = thread_number();
    if (c < channels) write_norm(norm, mean[c], variance[c], scale, shift, epsilon, c, channels);
}

extern "C" __global__ void norm_apply(
    Values x, const float *norm, float floor, float *y, u32 channels, u32 count
) {
    const u32 i = thread_number();
    if (i >= count) return;
    const float output = normalized(value(x, i), norm, i % channels, channels);
    y[i] = output < floor ? floor : output;
}

// The gradients of scale and shift from what norm_gradient_sums has summed, added to those that there are; and the map from
// dy and x to dx: dx = gain * dy - constant - x * slope, with slope and constant in map: [2, C].
//
// inverse_count: 1 / rows; 0 if mean and variance were given, so that they have no gradient.
extern "C" __global__ void norm_parameter_gradients(
    const float *sums, const float *norm, double inverse_count, float *dscale, float *dshift, float *map, u32 channels,
    u32 shards
) {
    const u32 c = thread_number();
    if (c >= channels) return;
    const double mean = norm[c], inverse = norm[channels + c], gain = norm[2 * channels + c];
    const double shift = total(sums, c, channels, {0, shards});
    const double scale = total(sums + shards * channels, c, channels, {0, shards}) * inverse;
    dscale[c] += (float)scale;
    dshift[c] += (float)shift;
    const double slope = gain * scale * inverse_count * inverse;
    map[c] = (float)slope;
    map[channels + c] = (float)(gain * shift * inverse_count - mean * slope);
}

// Turns the gradient of the norm's output into that of its input, in place.
extern "C" __global__ void norm_gradient(
    Values x, const float *norm, const float *map, float floor, float *dy, u32 channels, u32 count
) {
    const u32 i = thread_number();
    if (i >= count) return;
    const u32 c = i % channels;
    const float input = value(x, i), passed = normalized(input, norm, c, channels) > floor ? dy[i] : 0;
    dy[i] = norm[2 * channels + c] * passed - map[channels + c] - input * map[c];
}
