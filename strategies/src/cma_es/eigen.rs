//! Eigenvectors of small symmetric matrices.

/// More sweeps than any matrix of our sizes takes; six to ten are usual.
const N_SWEEPS_MAX: usize = 50;

/// A square matrix, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    pub(super) n: usize,
    pub(super) cells: Vec<f64>,
}

impl Matrix {
    pub(super) fn identity(n: usize) -> Self {
        let mut cells = vec![0.0; n * n];
        for idx in 0..n {
            cells[idx * n + idx] = 1.0;
        }
        Self { n, cells }
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.n + column]
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * self.n..][..self.n]
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.cells[row * self.n..][..self.n]
    }
}

/// Returns the eigenvalues of a symmetric matrix and its eigenvectors, each a row.
///
/// # Source
/// The cyclic Jacobi method: Golub and Van Loan, "Matrix Computations", 4th edition, section 8.5.
pub(super) fn eigen(matrix: &Matrix) -> (Vec<f64>, Matrix) {
    let n = matrix.n;
    let mut a = matrix.clone();
    let mut vectors = Matrix::identity(n);
    let size: f64 = a.cells.iter().map(|x| x * x).sum();
    for _ in 0..N_SWEEPS_MAX {
        let off = (0..n).flat_map(|row| (0..row).map(move |column| (row, column)));
        let off: f64 = off.map(|(row, column)| a.at(row, column).powi(2)).sum();
        if off <= 1e-30 * size {
            break;
        }
        for q in 1..n {
            for p in 0..q {
                rotate(&mut a, &mut vectors, p, q);
            }
        }
    }
    ((0..n).map(|idx| a.at(idx, idx)).collect(), vectors)
}

/// Makes the cell at row `p` and column `q` zero.
fn rotate(a: &mut Matrix, vectors: &mut Matrix, p: usize, q: usize) {
    let off = a.at(p, q);
    if off == 0.0 {
        return;
    }
    let tau = (a.at(q, q) - a.at(p, p)) / (2.0 * off);
    let tangent = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sine = tangent * cosine;
    let n = a.n;
    for k in 0..n {
        let (x, y) = (a.at(k, p), a.at(k, q));
        a.cells[k * n + p] = cosine * x - sine * y;
        a.cells[k * n + q] = sine * x + cosine * y;
    }
    for matrix in [a, vectors] {
        let (upper, lower) = matrix.cells.split_at_mut(q * n);
        for (x, y) in upper[p * n..][..n].iter_mut().zip(&mut lower[..n]) {
            (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_what_is_known_by_hand() {
        let matrix = Matrix {
            n: 2,
            cells: vec![2.0, 1.0, 1.0, 2.0],
        };
        let (mut values, _) = eigen(&matrix);
        values.sort_by(f64::total_cmp);
        assert!((values[0] - 1.0).abs() < 1e-14 && (values[1] - 3.0).abs() < 1e-14);
    }

    proptest! {
        #[test]
        fn values_and_vectors_make_the_matrix_again(
            (n, drawn) in (1..8_usize).prop_flat_map(|n| {
                (Just(n), prop::collection::vec(-1.0..1.0_f64, n * n))
            }),
        ) {
            let mut cells = vec![0.0; n * n];
            for row in 0..n {
                for column in 0..n {
                    cells[row * n + column] = drawn[row * n + column] + drawn[column * n + row];
                }
            }
            let matrix = Matrix { n, cells };
            let (values, vectors) = eigen(&matrix);
            for row in 0..n {
                for column in 0..n {
                    let terms = (0..n).map(|k| values[k] * vectors.at(k, row) * vectors.at(k, column));
                    prop_assert!((terms.sum::<f64>() - matrix.at(row, column)).abs() < 1e-12);
                }
            }
        }
    }
}
