//! The field paths of a network, which are the keys of its parameters in the weight file.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// The field path of every parameter of a network: its key in the weight file.
#[derive(Default)]
pub(crate) struct ParameterPaths {
    paths: BTreeMap<u64, String>,
    here: Vec<String>,
}

impl ParameterPaths {
    pub(crate) fn of(network: &impl Module) -> Self {
        let mut paths = Self::default();
        network.visit(&mut paths);
        paths
    }

    /// The path of the parameter with this id.
    pub(crate) fn get(&self, id: u64) -> &str {
        &self.paths[&id]
    }

    /// All paths, in alphabetical order.
    pub(crate) fn sorted(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.paths.values().map(String::as_str).collect();
        paths.sort_unstable();
        paths
    }
}

impl ModuleVisitor for ParameterPaths {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.paths.insert(param.id.val(), self.here.join("."));
    }

    fn enter_module(&mut self, name: &str, _container: &str) {
        self.here.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.here.pop();
    }
}
