//! McNemar's test: two classifiers on the same images.

/// The exact two-sided p-value for `first` images that only the one classifier gets right and `second` that only the
/// other does: of images on which they differ, each is as likely to be right. 1 if they never differ.
///
/// Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages",
/// with the binomial distribution in place of its approximation.
pub fn mcnemar(first: usize, second: usize) -> f64 {
    // Sums of counts as floats: they cannot overflow.
    let (fewer, all) = (first.min(second) as f64, first as f64 + second as f64);
    // Probabilities relative to that in the middle, from there downwards; half of the distribution is enough.
    let middle = (all / 2.0).floor();
    let (mut k, mut weight, mut half, mut tail) = (middle, 1.0, 0.0, 0.0);
    while k >= 0.0 && weight > 0.0 {
        // An even number has one middle, which belongs to both halves.
        half += if 2.0 * k == all { weight / 2.0 } else { weight };
        tail += if k <= fewer { weight } else { 0.0 };
        weight *= k / (all - k + 1.0);
        k -= 1.0;
    }
    (tail / half).min(1.0)
}
