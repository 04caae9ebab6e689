//! Symmetric positive definite matrices of a few hundred rows.

/// The lower triangle `L` of `A = L L^T`.
pub struct Cholesky {
    /// Row `i` has `i + 1` entries.
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// The factor of `A`, of whose rows the first `i + 1` entries of row `i` are given. `None` if `A` is not positive definite,
    /// as far as rounding lets it be told.
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
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn determinants_worked_out_by_hand() {
        let of = |rows: &[&[f64]]| Cholesky::of(rows.iter().map(|row| row.to_vec()).collect());
        assert_eq!(of(&[]).unwrap().log_determinant(), 0.0);
        let found = of(&[&[4.0], &[2.0, 3.0], &[0.0, 1.0, 5.0]]).unwrap().log_determinant();
        // 4 (15 - 1) - 2 (10 - 0).
        assert!((found - 36f64.ln()).abs() < 1e-12, "{found}");
        for not_positive in [&[&[1.0][..], &[2.0, 1.0]][..], &[&[0.0]], &[&[f64::NAN]]] {
            assert!(of(not_positive).is_none());
        }
    }
}
