// Pooling over spans of rows and columns.

// spans: for each output row its first input row, then for each the one after its last, and the same of columns; then for
// each input row the first output row that may hold it, for each the one after the last, and the same of columns.
struct Pool { u32 height, width, channels, out_height, out_width; };

__device__ inline Span rows_of(const u32 *spans, Pool g, u32 out_y) {
    return {spans[out_y], spans[g.out_height + out_y]};
}
__device__ inline Span columns_of(const u32 *spans, Pool g, u32 out_x) {
    spans += 2 * g.out_height;
    return {spans[out_x], spans[g.out_width + out_x]};
}
__device__ inline Span holders_of_row(const u32 *spans, Pool g, u32 y) {
    spans += 2 * (g.out_height + g.out_width);
    return {spans[y], spans[g.height + y]};
}
__device__ inline Span holders_of_column(const u32 *spans, Pool g, u32 x) {
    spans += 2 * (g.out_height + g.out_width + g.height);
    return {spans[x], spans[g.width + x]};
}

// What element i of the input has in the outputs whose spans hold it: the sum of part(output, position in the span, length of
// the span).
template <typename Part>
__device__ inline float sum_over_holders(u32 i, const u32 *spans, Pool g, Part part) {
    const Place in = place(i, g.height, g.width, g.channels);
    const Span above = holders_of_row(spans, g, in.y), beside = holders_of_column(spans, g, in.x);
    float sum = 0;
    for (u32 out_y = above.first; out_y < above.end; out_y++)
        for (u32 out_x = beside.first; out_x < beside.end; out_x++) {
            const Span rows = rows_of(spans, g, out_y), columns = columns_of(spans, g, out_x);
            if (!holds(rows, in.y) || !holds(columns, in.x)) continue;
            const u32 out = ((in.image * g.out_height + out_y) * g.out_width + out_x) * g.channels + in.channel;
            const u32 at = (in.y - rows.first) * length(columns) + in.x - columns.first;
            sum += part(out, at, length(rows) * length(columns));
        }
    return sum;
}

// The maximum of each span, NaN above all; chosen, unless null: which element of the span it is, the first on a tie.
extern "C" __global__ void max_pool(const float *x, const u32 *spans, Pool g, float *y, unsigned char *chosen, u32 count) {
    const u32 i = thread_number();
    if (i >= count) return;
    const Place out = place(i, g.out_height, g.out_width, g.channels);
    const Span rows = rows_of(spans, g, out.y), columns = columns_of(spans, g, out.x);
    float best = 0;
    u32 best_at = 0, at = 0;
    for (u32 row = rows.first; row < rows.end; row++)
        for (u32 column = columns.first; column < columns.end; column++, at++) {
            const float value = x[((out.image * g.height + row) * g.width + column) * g.channels + out.channel];
            if (at == 0 || value > best || value != value) best = value, best_at = at;
        }
    y[i] = best;
    if (chosen) chosen[i] = (unsigned char)best_at;
}

// Adds to dx the gradient of each output that has chosen the element.
extern "C" __global__ void max_pool_gradient(
    const unsigned char *chosen, const float *dy, const u32 *spans, Pool g, float *dx, u32 count
) {
    const u32 i = thread_number();
    if (i >= count) return;
    dx[i] += sum_over_holders(i, spans, g, [=](u32 out, u32 at, u32) { return chosen[out] == at ? dy[out] : 0.0f; });
}

// The mean of each span.
extern "C" __global__ void avg_pool(const float *x, const u32 *spans, Pool g, float *y, u32 count) {
    const u32 i = thread_number();
    if (i >= count) return;
    const Place out = place(i, g.out_height, g.out_width, g.channels);
    const Span rows = rows_of(spans, g, out.y), columns = columns_of(spans, g, out.x);
    float sum = 0;
    for (u32 row = rows.first; row < rows.end; row++)
        for (u32 column = columns.first; column < columns.end; column++)
            sum += x[((out.image * g.height + row) * g.width + column) * g.channels + out.channel];
    y[i] = sum / (float)(length(rows) * length(columns));
}

// Adds to dx the part of each output's gradient that is due to the element.
extern "C" __global__ void avg_pool_gradient(const float *dy, const u32 *spans, Pool g, float *dx, u32 count) {
    const u32 i = thread_number();
    if (i >= count) return;
    dx[i] += sum_over_holders(i, spans, g, [=](u32 out, u32, u32 size) { return dy[out] / (float)size; });
}
