//! Steps allocate nothing: an epoch of many steps asks for memory as often as one of few.
#![expect(unsafe_code, reason = "counting allocations takes an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use firebrick_core::engine::{Candidate, Engine, Placement, Silent, TrainJob, TrainOutcome};
use firebrick_core::recipe::{Keep, LrScheduler, Optimizer, Recipe};
use firebrick_engine_mlp::MlpEngine;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the allocator of the system.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NETWORK: &str = "
    x = input[5]
    a = batch_norm(x)
    b = relu(a)
    c = linear(b, out=12)
    d = batch_norm(c)
    e = relu(d)
    f = dropout(e, p=0.2)
    g = linear(f, out=3)
    output = output(g)";

/// Returns how often memory was asked for while a network was trained on so many rows.
fn allocations(n_rows: usize) -> usize {
    let candidate = Candidate {
        graph: NETWORK.parse().expect("the network can be parsed"),
        seed: 1,
        weights: None,
    };
    let features: Vec<f32> = (0..n_rows * 5).map(|k| (k % 17) as f32).collect();
    let labels: Vec<u32> = (0..n_rows as u32).map(|k| k % 3).collect();
    let rows = firebrick_core::dataset::Rows {
        features: &features,
        labels: &labels,
    };
    let job = TrainJob {
        candidates: &[candidate],
        train: rows,
        validation: rows,
        recipe: &Recipe {
            max_epochs: 2,
            batch_size: 32,
            learning_rate: 1e-3,
            lr_scheduler: LrScheduler::Constant,
            optimizer: Optimizer::Adam,
            weight_decay: 0.0,
            momentum: 0.0,
            nesterov: false,
            keep: Keep::Best,
            patience: None,
            log_every_n_steps: None,
        },
        placement: &Placement {
            device: "cpu".to_owned(),
            threads: 1,
        },
    };
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let outcomes = MlpEngine::new().train(&job, &Silent);
    let outcomes = outcomes.expect("the job can be trained");
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert!(matches!(outcomes[0], TrainOutcome::Trained(_)));
    after - before
}

#[test]
fn steps_allocate_nothing() {
    allocations(64);
    let (few, many) = (allocations(64), allocations(64 * 50));
    // The list of batches grows with their number, a few times.
    assert!(
        many <= few + 16,
        "{few} for 2 steps an epoch, {many} for 100"
    );
}
