//! The modules of a crate, read from its sources: what each one defines, imports, and names in its code. Test code is
//! left out, code behind other `cfg`s is in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// One module, of a file or inline.
#[derive(Default)]
pub struct Module {
    /// Where its file sits: `["engine", "gpu"]` for `engine/gpu/mod.rs`, the same for what is inline there.
    pub home: Vec<String>,
    pub parent: Option<usize>,
    pub children: BTreeMap<String, usize>,
    /// The items that are defined here, and whether each is private to this module.
    pub items: BTreeMap<String, bool>,
    /// What `use` brings in.
    pub uses: Vec<Use>,
    /// The paths whose every name `use` brings in.
    pub globs: Vec<Vec<String>>,
    /// Every path that the code names.
    pub paths: BTreeSet<Vec<String>>,
}

pub struct Use {
    /// The name here.
    pub name: String,
    pub path: Vec<String>,
    /// Whether the name is for others, by `pub use`.
    pub is_handed_on: bool,
}

/// Reads the crate whose root is `file`, `lib.rs` or `main.rs`, through `text`, which knows what is in a file. The root is
/// the first of the modules.
pub fn read(file: &Path, text: &dyn Fn(&Path) -> Option<String>) -> Vec<Module> {
    let mut modules = Vec::new();
    let folder = file.parent().expect("a root file is in a folder");
    add(&mut modules, None, &[], &items(file, text).expect("the root is there"), folder, text);
    modules
}

fn items(file: &Path, text: &dyn Fn(&Path) -> Option<String>) -> Option<Vec<syn::Item>> {
    let parsed = syn::parse_file(&text(file)?);
    Some(parsed.unwrap_or_else(|error| panic!("{}: {error}", file.display())).items)
}

/// Adds the module that holds `own`, and those below it, whose files are in `folder`.
fn add(
    modules: &mut Vec<Module>,
    parent: Option<usize>,
    home: &[String],
    own: &[syn::Item],
    folder: &Path,
    text: &dyn Fn(&Path) -> Option<String>,
) -> usize {
    let mut module = Module { home: home.to_vec(), parent, ..Module::default() };
    own.iter().for_each(|item| module.visit_item(item));
    modules.push(module);
    let index = modules.len() - 1;
    for item in own {
        let syn::Item::Mod(child) = item else { continue };
        if is_test(&child.attrs) {
            continue;
        }
        let name = child.ident.to_string();
        let below = folder.join(&name);
        let added = match &child.content {
            Some((_, inline)) => add(modules, Some(index), home, inline, &below, text),
            None => {
                let found = items(&below.join("mod.rs"), text).or_else(|| items(&below.with_extension("rs"), text));
                let found = found.unwrap_or_else(|| panic!("no file for `mod {name}` in {}", folder.display()));
                let home = [home, std::slice::from_ref(&name)].concat();
                add(modules, Some(index), &home, &found, &below, text)
            }
        };
        modules[index].children.insert(name, added);
    }
    index
}

impl Visit<'_> for Module {
    fn visit_item(&mut self, item: &syn::Item) {
        use syn::Item::{Const, Enum, Fn, Impl, Macro, Mod, Static, Struct, Trait, Type, Use};
        let (attributes, name) = match item {
            Const(item) => (&item.attrs, Some((&item.ident, &item.vis))),
            Enum(item) => (&item.attrs, Some((&item.ident, &item.vis))),
            Fn(item) => (&item.attrs, Some((&item.sig.ident, &item.vis))),
            Static(item) => (&item.attrs, Some((&item.ident, &item.vis))),
            Struct(item) => (&item.attrs, Some((&item.ident, &item.vis))),
            Trait(item) => (&item.attrs, Some((&item.ident, &item.vis))),
            Type(item) => (&item.attrs, Some((&item.ident, &item.vis))),
            Impl(item) => (&item.attrs, None),
            Macro(item) => (&item.attrs, None),
            Use(item) => (&item.attrs, None),
            // A module of its own: `add` visits what is in it.
            Mod(_) => return,
            _ => return visit::visit_item(self, item),
        };
        if is_test(attributes) {
            return;
        }
        if let Some((name, visibility)) = name {
            self.items.insert(name.to_string(), is_private(visibility));
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.bring_in(&item.tree, &[], !is_private(&item.vis));
    }

    fn visit_path(&mut self, path: &syn::Path) {
        self.paths.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &syn::Macro) {
        self.scan(invoked.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.scan(list.tokens.clone());
        }
    }
}

impl Module {
    fn bring_in(&mut self, tree: &syn::UseTree, before: &[String], is_handed_on: bool) {
        let joined = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let (name, path) = match tree {
            syn::UseTree::Path(path) => return self.bring_in(&path.tree, &joined(&path.ident), is_handed_on),
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.bring_in(tree, before, is_handed_on));
            }
            syn::UseTree::Glob(_) => return self.globs.push(before.to_vec()),
            syn::UseTree::Name(name) if name.ident == "self" => (before.last().cloned(), before.to_vec()),
            syn::UseTree::Name(name) => (Some(name.ident.to_string()), joined(&name.ident)),
            syn::UseTree::Rename(renamed) => (Some(renamed.rename.to_string()), joined(&renamed.ident)),
        };
        self.uses.push(Use { name: name.unwrap_or_default(), path, is_handed_on });
    }

    /// Finds the paths in what a macro is given, which is not parsed.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.paths.insert(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.scan(group.stream());
                    colons = 0;
                }
                _ => colons = 0,
            }
        }
        self.paths.insert(path);
    }
}

fn is_private(visibility: &syn::Visibility) -> bool {
    match visibility {
        syn::Visibility::Inherited => true,
        syn::Visibility::Restricted(restricted) => restricted.path.is_ident("self"),
        syn::Visibility::Public(_) => false,
    }
}

/// Whether code is there for tests alone: `#[cfg(test)]`, or `#[cfg(all(test, ...))]`.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    fn needs_test(meta: &syn::Meta) -> bool {
        match meta {
            syn::Meta::Path(path) => path.is_ident("test"),
            syn::Meta::List(list) if list.path.is_ident("cfg") || list.path.is_ident("all") => {
                let every = list.parse_args_with(syn::punctuated::Punctuated::<_, syn::Token![,]>::parse_terminated);
                every.is_ok_and(|every| every.iter().any(needs_test))
            }
            _ => false,
        }
    }
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && needs_test(&attribute.meta))
}
