//! The file in which compiled kernels and tuning results outlive a process: one per version of this crate, GPU and
//! driver, so that none is ever used for another, and a second one for tuned kernels.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use cubecl::environment;

use super::Choice;

static CHOICE: OnceLock<Choice> = OnceLock::new();

/// Keeps kernels in `folder`, or in the user's cache folder. They are chosen as `asked`, or by trial if the results of one
/// are there. The first call decides for the whole process, with its `gpu`, and must come before the first use of a GPU.
pub fn keep_in(folder: Option<&Path>, asked: Choice, gpu: impl FnOnce() -> String) {
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
        if asked == Choice::Trial || file().exists() {
            return Choice::Trial;
        }
        environment::activate(by_rule);
        Choice::Rule
    });
}

/// Who chooses between kernels in this process.
pub fn choice() -> Choice {
    CHOICE.get().copied().unwrap_or(Choice::Rule)
}

/// The file of kept kernels.
pub fn file() -> PathBuf {
    environment::path()
}

/// The name with characters replaced that a file name may not have.
fn file_name(name: &str) -> String {
    let plain = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || letter == '.' => letter,
        _ => '-',
    };
    name.chars().map(plain).collect()
}
