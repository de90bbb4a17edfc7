//! What is left of an engine when it is gone: the counts of its bytes.

use yolov10_cpu::Ledgers;

use super::home::Home;
use crate::memory::{Bytes, MemoryReport};

/// Counts one engine's bytes, during its life and after it.
pub enum ByteCounts {
    /// The native engine's maps.
    Pages(Ledgers),
    /// The pools of a GPU's stream. burn-flex has no such count and gives zeros.
    Pools(Home),
}

impl ByteCounts {
    /// What is held now; the resident set is left to the caller.
    pub fn memory(&self) -> MemoryReport {
        match self {
            Self::Pages(ledgers) => MemoryReport {
                weights: Bytes::used(ledgers.weights.bytes()),
                workspace: Bytes::used(ledgers.workspace.bytes()),
                ..MemoryReport::default()
            },
            Self::Pools(home) => home.memory(),
        }
    }
}
