//! Which file of a crate imports which other. A path counts for the file that defines what it names, through however
//! many `pub use` it goes.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::Module;

/// What the entries of one folder take from each other.
#[derive(Default)]
pub struct Folder {
    /// From whom, of whom, and the names. The folder's own file, its `mod.rs`, has the name [`OWN`].
    pub imports: BTreeMap<(String, String), BTreeSet<String>>,
}

/// The file of a folder itself: `mod.rs`, `lib.rs` or `main.rs`.
pub const OWN: &str = "(the folder's own file)";

/// What each folder's entries import from each other; a folder stands in the map by the path of its module.
pub fn folders(modules: &[Module]) -> BTreeMap<Vec<String>, Folder> {
    let mut folders = BTreeMap::<_, Folder>::new();
    for (index, module) in modules.iter().enumerate() {
        let uses = module.uses.iter().map(|used| (&used.path, used.is_handed_on));
        let named = module.paths.iter().map(|path| (path, false));
        for (path, is_handed_on) in uses.chain(named) {
            let Some(item) = (Search { modules, seen: BTreeSet::new() }).item(index, path) else { continue };
            let definer = &modules[item.module].home;
            let shared = module.home.iter().zip(definer).take_while(|(own, other)| own == other).count();
            let entry = |home: &[String]| home.get(shared).map_or(OWN.to_owned(), String::clone);
            let (from, to) = (entry(&module.home), entry(definer));
            // A child may use what its parent keeps for itself and its children, and a parent may hand on what is a child's
            // without using it.
            if from == to || (to == OWN && item.private) || (from == OWN && is_handed_on) {
                continue;
            }
            let name = [&definer[shared..], &[item.name]].concat().join("::");
            let folder = folders.entry(definer[..shared].to_vec()).or_default();
            folder.imports.entry((from, to)).or_default().insert(name);
        }
    }
    folders
}

/// An item, and the module that defines it.
struct Item {
    module: usize,
    name: String,
    private: bool,
}

enum Found {
    Module(usize),
    Item(Item),
}

/// The search for what a path names.
struct Search<'a> {
    modules: &'a [Module],
    /// The names that are being looked for, since a glob may lead back to where it was.
    seen: BTreeSet<(usize, String)>,
}

impl Search<'_> {
    /// The item of this crate that `path` names in `module`: none if it names a module, belongs to another crate, or is
    /// defined by a macro.
    fn item(&mut self, module: usize, path: &[String]) -> Option<Item> {
        match self.resolve(module, path)? {
            Found::Item(item) => Some(item),
            Found::Module(_) => None,
        }
    }

    fn resolve(&mut self, module: usize, path: &[String]) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        let mut found = match first.as_str() {
            "crate" => Found::Module(0),
            "self" => Found::Module(module),
            "super" => Found::Module(self.modules[module].parent?),
            name => self.name(module, name)?,
        };
        for name in rest {
            let Found::Module(module) = found else { break };
            found = match name.as_str() {
                "super" => Found::Module(self.modules[module].parent?),
                name => self.name(module, name)?,
            };
        }
        Some(found)
    }

    /// What `name` means in `module`.
    fn name(&mut self, module: usize, name: &str) -> Option<Found> {
        if !self.seen.insert((module, name.to_owned())) {
            return None;
        }
        let here = &self.modules[module];
        let found = if let Some(&private) = here.items.get(name) {
            Some(Found::Item(Item { module, name: name.to_owned(), private }))
        } else if let Some(&child) = here.children.get(name) {
            Some(Found::Module(child))
        } else if let Some(used) = here.uses.iter().find(|used| used.name == name) {
            self.resolve(module, &used.path)
        } else {
            here.globs.iter().find_map(|glob| match self.resolve(module, glob)? {
                Found::Module(module) => self.name(module, name),
                Found::Item(_) => None,
            })
        };
        self.seen.remove(&(module, name.to_owned()));
        found
    }
}
