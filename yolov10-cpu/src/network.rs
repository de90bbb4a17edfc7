//! A network that is ready to run: its graph, and its weights packed for one set of kernels. It never changes, so engines
//! can share it.

use crate::compile::compile;
use crate::error::Error;
use crate::graph::Graph;
use crate::isa::Isa;
use crate::kernels::Kernels;
use crate::options::Options;
use crate::packing::pack;
use crate::pages::{Ledger, Pages};
use crate::value::Value;
use crate::weights::Packed;

pub(crate) struct Network {
    pub graph: Graph,
    pub isa: Isa,
    pub kernels: &'static Kernels,
    /// Where each weight of the graph lies.
    pub packed: Vec<Packed>,
    pub weights: Pages,
}

impl Network {
    /// Reads the network that ends in `outputs` and packs the weights that `source` writes, counted in `ledger`.
    pub fn new<E: From<Error>>(
        outputs: &[Value],
        options: &Options,
        ledger: &Ledger,
        source: impl FnMut(u64, &mut [f32], &mut [f32]) -> Result<(), E>,
    ) -> Result<Network, E> {
        let isa = options.isa.unwrap_or_else(Isa::detect);
        let kernels = Kernels::of(isa, options.precision)?;
        let graph = compile(outputs, options)?;
        let limit = options.memory_limit.unwrap_or(usize::MAX);
        let (weights, packed) = pack(&graph.weights, limit, ledger, kernels, source)?;
        Ok(Network { graph, isa, kernels, packed, weights })
    }
}
