//! Eigenvalues of small symmetric matrices.

/// Rounds after which what is left beside the diagonal is rounding: it falls quadratically.
const ROUNDS_MAX: usize = 64;

/// Returns the eigenvalues of a symmetric matrix, `[size, size]` row after row, in no order.
///
/// A number that is not finite makes all of them NaN.
///
/// # Source
/// Jacobi's method, in the cyclic order by rows: Golub and Van Loan, "Matrix Computations", fourth
/// edition, section 8.5.
pub(super) fn eigenvalues(mut matrix: Vec<f64>, size: usize) -> Vec<f64> {
    if matrix.iter().any(|value| !value.is_finite()) {
        return vec![f64::NAN; size];
    }
    let scale = matrix.iter().map(|value| value * value).sum::<f64>();
    for _ in 0..ROUNDS_MAX {
        let beside = (0..size)
            .flat_map(|row| (0..row).map(move |column| row * size + column))
            .map(|at| matrix[at] * matrix[at])
            .sum::<f64>();
        if beside <= scale * f64::EPSILON * f64::EPSILON {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut matrix, size, p, q);
            }
        }
    }
    (0..size).map(|at| matrix[at * size + at]).collect()
}

/// Turns the plane of two axes such that their entry beside the diagonal becomes zero.
fn rotate(matrix: &mut [f64], size: usize, p: usize, q: usize) {
    let entry = matrix[p * size + q];
    if entry == 0.0 {
        return;
    }
    let tau = (matrix[q * size + q] - matrix[p * size + p]) / (2.0 * entry);
    let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let mut turn = |a: usize, b: usize| {
        let (x, y) = (matrix[a], matrix[b]);
        matrix[a] = cosine * x - sine * y;
        matrix[b] = sine * x + cosine * y;
    };
    for at in 0..size {
        turn(at * size + p, at * size + q);
    }
    for at in 0..size {
        turn(p * size + at, q * size + at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrick_core::random::{Purpose, stream};
    use rand::RngExt;

    fn sorted(matrix: &[f64], size: usize) -> Vec<f64> {
        let mut values = eigenvalues(matrix.to_vec(), size);
        values.sort_by(f64::total_cmp);
        values
    }

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
    }

    #[test]
    fn those_of_a_tridiagonal_matrix_are_cosines() {
        // 2 on the diagonal, -1 beside it: 2 - 2 cos(k π / (n + 1)).
        let size = 12;
        let mut matrix = vec![0.0; size * size];
        for at in 0..size {
            matrix[at * size + at] = 2.0;
            if at > 0 {
                matrix[at * size + at - 1] = -1.0;
                matrix[(at - 1) * size + at] = -1.0;
            }
        }
        let angle = |k: usize| k as f64 * std::f64::consts::PI / (size + 1) as f64;
        let expected: Vec<f64> = (1..=size).map(|k| 2.0 - 2.0 * angle(k).cos()).collect();
        near(&sorted(&matrix, size), &expected);
    }

    #[test]
    fn those_of_a_matrix_of_ones_are_zeros_and_the_size() {
        near(&sorted(&[1.0; 9], 3), &[0.0, 0.0, 3.0]);
        near(&sorted(&[], 0), &[]);
        near(&sorted(&[-4.0], 1), &[-4.0]);
    }

    #[test]
    fn trace_and_squares_stay_as_they_are() {
        let size = 64;
        let mut rng = stream(3, Purpose::Dataset, 0);
        let mut matrix = vec![0.0; size * size];
        for row in 0..size {
            for column in 0..=row {
                let value = rng.random_range(-1.0..1.0);
                matrix[row * size + column] = value;
                matrix[column * size + row] = value;
            }
        }
        let values = sorted(&matrix, size);
        let trace: f64 = (0..size).map(|at| matrix[at * size + at]).sum();
        let squares: f64 = matrix.iter().map(|value| value * value).sum();
        assert!((values.iter().sum::<f64>() - trace).abs() < 1e-10);
        let found: f64 = values.iter().map(|value| value * value).sum();
        assert!((found - squares).abs() < 1e-9 * squares);
    }

    #[test]
    fn a_number_that_is_not_finite_makes_all_of_them_nan() {
        let values = eigenvalues(vec![1.0, f64::NAN, f64::NAN, 1.0], 2);
        assert!(values.iter().all(|value| value.is_nan()));
    }
}
