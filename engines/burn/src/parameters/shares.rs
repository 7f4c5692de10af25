//! Which numbers of a vector are which candidate's.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

/// How a vector is dealt out: tensor after tensor, and in each candidate after candidate.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    n_candidates: usize,
    /// The numbers that a candidate has in each tensor.
    sizes: Vec<usize>,
}

impl Shares {
    pub(super) fn new(n_candidates: usize, sizes: Vec<usize>) -> Self {
        Self {
            n_candidates,
            sizes,
        }
    }

    /// Returns how many candidates there are.
    pub(crate) fn n_candidates(&self) -> usize {
        self.n_candidates
    }

    /// Returns the vector of some candidates, in their order.
    pub(crate) fn of(&self, vector: Tensor<1>, candidates: &[usize]) -> Tensor<1> {
        let index = index(candidates, &vector.device());
        self.each(vector, |tensor| tensor.select(0, index.clone()))
    }

    /// Returns the numbers of one vector for the candidates for which it is asked, of another for
    /// the others.
    pub(super) fn mixed(
        &self,
        others: Tensor<1>,
        asked: &Tensor<1>,
        is_asked: &[bool],
    ) -> Tensor<1> {
        let mask = mask(is_asked, &asked.device());
        let mut asked = self.tensors(asked).into_iter();
        self.each(others, |other| match asked.next() {
            Some(asked) => {
                let mask = mask.clone().expand(other.dims());
                other.mask_where(mask, asked)
            }
            None => other,
        })
    }

    /// Returns the sum of each candidate's numbers, `[candidates, 1]`.
    pub(crate) fn sums(&self, vector: &Tensor<1>) -> Option<Tensor<2>> {
        let sums = self.tensors(vector).into_iter();
        sums.map(|tensor| tensor.sum_dim(1)).reduce(|a, b| a + b)
    }

    /// Multiplies the numbers of each candidate with its factor of `[candidates, 1]`.
    pub(crate) fn scaled(&self, vector: Tensor<1>, factors: &Tensor<2>) -> Tensor<1> {
        self.each(vector, |tensor| tensor * factors.clone())
    }

    /// Forgets all candidates but so many.
    pub(crate) fn shrink(&mut self, n_candidates: usize) {
        self.n_candidates = n_candidates;
    }

    /// Returns the tensors of a vector, `[candidates, numbers]` each.
    fn tensors(&self, vector: &Tensor<1>) -> Vec<Tensor<2>> {
        let mut start = 0;
        let tensor = |size: &usize| {
            let length = self.n_candidates * size;
            let tensor = vector.clone().narrow(0, start, length);
            start += length;
            tensor.reshape([self.n_candidates, *size])
        };
        self.sizes.iter().map(tensor).collect()
    }

    /// Changes each tensor of a vector.
    fn each(&self, vector: Tensor<1>, change: impl FnMut(Tensor<2>) -> Tensor<2>) -> Tensor<1> {
        let tensors = self.tensors(&vector).into_iter().map(change);
        let tensors: Vec<Tensor<1>> = tensors.map(flat).collect();
        match tensors.is_empty() {
            true => vector,
            false => Tensor::cat(tensors, 0),
        }
    }
}

fn index(candidates: &[usize], device: &Device) -> Tensor<1, Int> {
    let candidates: Vec<i32> = candidates.iter().map(|idx| *idx as i32).collect();
    Tensor::from_ints(candidates.as_slice(), device)
}

/// Makes a mask of `[candidates, 1]`.
fn mask(of: &[bool], device: &Device) -> Tensor<2, Bool> {
    Tensor::from_bool(TensorData::new(of.to_vec(), [of.len(), 1]), device)
}

fn flat(tensor: Tensor<2>) -> Tensor<1> {
    let size = tensor.shape().num_elements();
    tensor.reshape([size])
}
