//! The file in which compiled kernels and tuning results outlive a process: one per version of this crate, GPU and
//! driver, so that none is ever used for another, and a second one for tuned kernels.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use cubecl::environment;

/// Who chooses between kernels that do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A rule: few to compile, no memory needed to try them, and the same ones tomorrow.
    Rule,
    /// A trial of all that there are, whose results are kept: what `tune` does.
    Trial,
}

static CHOICE: OnceLock<Choice> = OnceLock::new();

/// Keeps them in `folder`, or in the user's cache folder. Kernels are chosen by trial if `tune` is set, or if the results
/// of a trial are there. The first call decides for the whole process, with its `gpu`, and must come before the first use
/// of a GPU.
pub fn keep_in(folder: Option<&Path>, tune: bool, gpu: impl FnOnce() -> String) {
    CHOICE.get_or_init(|| {
        let by_rule = format!("{}-{}", env!("CARGO_PKG_VERSION"), file_name(&gpu()));
        let by_trial = format!("{by_rule}-tuned");
        let mut config = CubeClRuntimeConfig::default();
        config.compilation.cache = true;
        config.environment.name = by_trial;
        config.environment.path = match folder {
            Some(folder) => CacheConfig::Directory(folder.to_owned()),
            None => CacheConfig::Global,
        };
        CubeClRuntimeConfig::try_set(config.override_from_env());
        if tune || file().exists() {
            return Choice::Trial;
        }
        environment::activate(by_rule);
        Choice::Rule
    });
}

/// Who chooses in this process.
pub fn choice() -> Choice {
    CHOICE.get().copied().unwrap_or(Choice::Rule)
}

/// The file that they are kept in.
pub fn file() -> PathBuf {
    environment::path()
}

/// The name, with what a file name may not have replaced.
fn file_name(name: &str) -> String {
    let plain = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || letter == '.' => letter,
        _ => '-',
    };
    name.chars().map(plain).collect()
}
