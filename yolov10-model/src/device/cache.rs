//! Where compiled kernels and the results of tuning outlive a process: one file per version of this crate, GPU and
//! driver, so that none is ever used for another, and one more once they were tuned.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use cubecl::environment;

/// Who chooses among kernels that do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A rule: few to compile, no memory to try them in, and the same ones again tomorrow.
    Rule,
    /// A trial of all there are, whose results are kept: what `tune` is for.
    Trial,
}

static CHOICE: OnceLock<Choice> = OnceLock::new();

/// Keeps them in `folder`, or in the user's cache folder; `tune` has kernels chosen by trial, and so has a trial that
/// was kept. It holds for the process and for the first who says it, with that one's `gpu`, and has to be said before the
/// first use of a GPU.
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

/// The file they are kept in.
pub fn file() -> PathBuf {
    environment::path()
}

/// The part of a name that may be in a file's.
fn file_name(name: &str) -> String {
    let plain = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || letter == '.' => letter,
        _ => '-',
    };
    name.chars().map(plain).collect()
}
