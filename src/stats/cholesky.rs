//! Symmetric positive definite systems of a few hundred unknowns.
//!
//! Sums are formed in a fixed order, so results have the same bits wherever they are computed.

/// The lower triangle `L` of `A = L L^T`.
pub struct Cholesky {
    /// Row `i` has `i + 1` entries.
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// The factor of `A`, of whose rows the first `i + 1` entries of row `i` are read. `None` if `A` is not positive
    /// definite, as far as rounding lets it be told.
    ///
    /// Source: Golub & Van Loan 2013, "Matrix Computations", algorithm 4.2.1, by rows.
    pub fn of(mut rows: Vec<Vec<f64>>) -> Option<Self> {
        for i in 0..rows.len() {
            let (above, from) = rows.split_at_mut(i);
            let row = &mut from[0];
            for (j, other) in above.iter().enumerate() {
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            let square = row[i] - dot(&row[..i], &row[..i]);
            if !(square > 0.0 && square.is_finite()) {
                return None;
            }
            row[i] = square.sqrt();
        }
        Some(Self { rows })
    }

    /// The natural logarithm of the determinant of `A`.
    pub fn log_determinant(&self) -> f64 {
        self.rows.iter().enumerate().map(|(i, row)| 2.0 * row[i].ln()).sum()
    }

    /// `A^-1 b`.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = Vec::with_capacity(b.len());
        for (row, b) in self.rows.iter().zip(b) {
            x.push((b - dot(&row[..x.len()], &x)) / row[x.len()]);
        }
        for (i, row) in self.rows.iter().enumerate().rev() {
            x[i] /= row[i];
            let known = x[i];
            x[..i].iter_mut().zip(row).for_each(|(x, entry)| *x -= entry * known);
        }
        x
    }

    /// The lower triangle of `A^-1`, rows as those given.
    pub fn inverse(&self) -> Vec<Vec<f64>> {
        let size = self.rows.len();
        // Column `i` of `L^-1`, from its diagonal downwards.
        let columns: Vec<Vec<f64>> = (0..size)
            .map(|i| {
                let mut column = vec![1.0 / self.rows[i][i]];
                for row in &self.rows[i + 1..] {
                    let known = column.len();
                    column.push(-dot(&row[i..i + known], &column) / row[i + known]);
                }
                column
            })
            .collect();
        (0..size).map(|i| (0..=i).map(|j| dot(&columns[i], &columns[j][i - j..])).collect()).collect()
    }
}

/// The sum of products, in eight interleaved parts, which a compiler can keep in vector registers.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut parts, mut rest) = ([0.0; 8], 0.0);
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    for (a, b) in a.remainder().iter().zip(b.remainder()) {
        rest += a * b;
    }
    for (a, b) in a.zip(b) {
        for lane in 0..8 {
            parts[lane] += a[lane] * b[lane];
        }
    }
    parts.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A positive definite matrix.
    fn example(size: usize) -> Vec<Vec<f64>> {
        let entry = |i: usize, j: usize| ((i * 31 + j * 17) % 23) as f64 / 23.0 - 0.5;
        let product = |i, j| (0..size).map(|k| entry(i, k) * entry(j, k)).sum::<f64>();
        (0..size).map(|i| (0..=i).map(|j| product(i, j) + f64::from(u8::from(i == j)) * 1.5).collect()).collect()
    }

    fn at(lower: &[Vec<f64>], i: usize, j: usize) -> f64 {
        lower[i.max(j)][i.min(j)]
    }

    #[test]
    fn solving_and_inverting_undo_multiplying() {
        for size in [1, 2, 7, 8, 9, 30] {
            let a = example(size);
            let factor = Cholesky::of(a.clone()).unwrap();
            let b: Vec<f64> = (0..size).map(|i| (i as f64 * 0.7).sin()).collect();
            let (x, inverse) = (factor.solve(&b), factor.inverse());
            for (i, expected) in b.iter().enumerate() {
                let row: f64 = (0..size).map(|j| at(&a, i, j) * x[j]).sum();
                assert!((row - expected).abs() < 1e-12, "{size}");
                for j in 0..size {
                    let product: f64 = (0..size).map(|k| at(&a, i, k) * at(&inverse, k, j)).sum();
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12, "{size}");
                }
            }
        }
    }

    #[test]
    fn determinants_worked_out_by_hand() {
        let of = |rows: &[&[f64]]| Cholesky::of(rows.iter().map(|row| row.to_vec()).collect());
        assert_eq!(of(&[]).unwrap().log_determinant(), 0.0);
        let found = of(&[&[4.0], &[2.0, 3.0], &[0.0, 1.0, 5.0]]).unwrap().log_determinant();
        // 4 (15 - 1) - 2 (10 - 0).
        assert!((found - 36f64.ln()).abs() < 1e-12, "{found}");
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        assert!(Cholesky::of(vec![vec![1.0], vec![2.0, 1.0]]).is_none());
        assert!(Cholesky::of(vec![vec![0.0]]).is_none());
        assert!(Cholesky::of(vec![vec![f64::NAN]]).is_none());
    }
}
