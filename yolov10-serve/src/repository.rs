//! A folder of models: weight files, or folders in Triton's layout, `NAME/VERSION/FILE`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::name::is_name;
use crate::problem::Problem;

/// The only version of every model.
pub(crate) const VERSION: &str = "1";
/// Extensions of weight files.
const EXTENSIONS: [&str; 2] = ["safetensors", "pt"];

/// The models in `folder`, by name. Everything else is ignored.
pub(crate) fn models(folder: &Path) -> Result<BTreeMap<String, PathBuf>, Problem> {
    let mut models = BTreeMap::new();
    for path in sorted(folder)? {
        if path.is_dir() {
            let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name)) else {
                continue;
            };
            if let Some(file) = in_version(&path)? {
                models.insert(name.to_owned(), file);
            }
        } else if is_weights(&path)
            && let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(|name| is_name(name))
        {
            // Of two files with the same name, the one that loads faster.
            let entry = models.entry(name.to_owned()).or_insert_with(|| path.clone());
            if path.extension().is_some_and(|extension| extension == EXTENSIONS[0]) {
                *entry = path;
            }
        }
    }
    Ok(models)
}

/// The weight file in a model's folder: in the folder of its version, or directly in it.
fn in_version(model: &Path) -> Result<Option<PathBuf>, Problem> {
    let version = model.join(VERSION);
    let files = if version.is_dir() { sorted(&version)? } else { sorted(model)? };
    let of = |extension: &str| files.iter().find(|file| file.extension().is_some_and(|found| found == extension));
    Ok(EXTENSIONS.iter().find_map(|extension| of(extension)).cloned())
}

fn is_weights(path: &Path) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|found| EXTENSIONS.contains(&found))
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let failed = |error| Problem::internal(format_args!("model repository {}: {error}", folder.display()));
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_files_or_folders_as_triton_has_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for file in
            ["n.pt", "s.pt", "s.safetensors", "plates/1/model.pt", "flat/best.pt", "empty/1/readme.txt", "a b.pt"]
        {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "").expect("written");
        }
        let found = models(root).expect("a folder");
        let expected =
            [("flat", "flat/best.pt"), ("n", "n.pt"), ("plates", "plates/1/model.pt"), ("s", "s.safetensors")];
        let expected = expected.map(|(name, file)| (name.to_owned(), root.join(file)));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}
