//! The memory that operations on a GPU take beside their tensors: arithmetic, so that it is known before a training.

/// Values of windows that a convolution puts side by side at once, at most, unless those of a single image are more: 256 MiB.
pub const WINDOW_VALUES: usize = 1 << 26;

/// Values from a row of windows to the next: rows that begin at multiples of 16 bytes are what matrix products read fastest.
/// Nothing reads what lies between.
pub fn row_of_windows(taps: usize) -> usize {
    taps.next_multiple_of(8)
}

/// Threads that sum up rows, at least, where there are rows enough: they keep a large GPU busy.
const THREADS: usize = 1 << 17;

/// Rows that a thread sums up, at least.
const ROWS: usize = 16;

/// Images of so many whose windows, `windows` values each, a convolution puts side by side at once.
pub fn images_at_once(images: usize, windows: usize, most_values: usize) -> usize {
    (most_values / windows).clamp(1, images.max(1))
}

/// Shards in which batch norm sums up rows: two sums a channel in each.
pub fn shards(rows: usize, channels: usize) -> usize {
    THREADS.div_ceil(channels).min(rows.div_ceil(ROWS)).max(1)
}
