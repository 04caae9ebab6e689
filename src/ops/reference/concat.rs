//! Joining maps along the channels, and its gradient.

use super::array::{Array, Sums};

/// `parts[i]: [N, H, W, C_i]` -> `[N, H, W, sum C_i]`.
pub fn concat(parts: &[Array]) -> Array {
    let [n, height, width, _] = parts[0].shape;
    let mut y = Sums::zeros([n, height, width, parts.iter().map(|part| part.shape[3]).sum()]);
    let mut start = 0;
    for part in parts {
        part.positions().for_each(|p| y.add([p[0], p[1], p[2], start + p[3]], part.at(p)));
        start += part.shape[3];
    }
    y.round()
}

/// The inverse of [`concat`], which is also its gradient: `x: [N, H, W, sum channels]`.
pub fn split(x: &Array, channels: &[usize]) -> Vec<Array> {
    let [n, height, width, _] = x.shape;
    let mut start = 0;
    let part = |&count: &usize| {
        let part = Sums::zeros([n, height, width, count]).round();
        let data = part.positions().map(|p| x.at([p[0], p[1], p[2], start + p[3]]) as f32).collect();
        start += count;
        Array::new(part.shape, data)
    };
    channels.iter().map(part).collect()
}
