//! A pickled `torch.nn.Module` as flat tables of submodules and tensors, by dotted path.

use super::pickle::{Pickle, Value};
use crate::{
    error::{Error, printable},
    limits::{self, MAX_ATTRIBUTES, MAX_DEPTH, MAX_NAME, MAX_VISITED},
};

/// Paths and objects below a module, the module itself first.
pub(crate) struct Tree<'a> {
    pub(crate) modules: Vec<(String, Value<'a>)>,
    /// Parameters and buffers that are not `None`.
    pub(crate) tensors: Vec<(String, Value<'a>)>,
}

/// Lists everything below `root`, whose own path is `path`.
pub(crate) fn walk<'a>(pickle: &Pickle<'a>, root: Value<'a>, path: &str) -> Result<Tree<'a>, Error> {
    let mut tree = Tree { modules: Vec::new(), tensors: Vec::new() };
    let mut visited = 0;
    let mut pending = vec![(path.to_owned(), root, 0)];
    while let Some((path, module, depth)) = pending.pop() {
        limits::check("depth of the modules", depth, MAX_DEPTH)?;
        limits::check("bytes of a module's path", path.len() as u64, MAX_NAME)?;
        let attributes = pickle.fields(module).len() as u64;
        limits::check("attributes of a module", attributes, MAX_ATTRIBUTES)?;
        for table in ["_parameters", "_buffers", "_modules"] {
            let held = pickle.get(module, table);
            let entries = held.and_then(|held| pickle.entries(held)).unwrap_or_default();
            visited += 1 + entries.len() as u64;
            limits::check("entries of the modules", visited, MAX_VISITED)?;
            for (key, value) in entries.iter().filter(|(_, value)| *value != Value::None) {
                let Value::Text(name) = key else {
                    return Err(Error::NotATensor { tensor: printable(&path), found: pickle.describe(*key) });
                };
                let name = format!("{path}.{name}");
                if table == "_modules" {
                    pending.push((name, *value, depth + 1));
                } else {
                    tree.tensors.push((name, *value));
                }
            }
        }
        tree.modules.push((path, module));
    }
    Ok(tree)
}
