//! From a description to the graph that is run.

use crate::error::Error;
use crate::graph::Graph;
use crate::lower::lower;
use crate::options::Options;
use crate::value::Value;

/// Reads the network that ends in `outputs` and rewrites it.
pub(crate) fn compile(outputs: &[Value], options: &Options) -> Result<Graph, Error> {
    let mut graph = lower(outputs, options.precision)?;
    graph.block_input();
    graph.sort();
    graph.fuse_residuals();
    graph.sort();
    graph.commute_upsampling();
    graph.sort();
    graph.choose_algorithms(options);
    graph.store_pairs();
    Ok(graph)
}
