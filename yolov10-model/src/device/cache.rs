//! Where compiled kernels and the results of tuning outlive a process: one file per version of this crate, GPU and
//! driver, so that none is ever used for another.

use std::path::{Path, PathBuf};
use std::sync::Once;

use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};
use cubecl::environment;

/// Keeps them in `folder`, or in the user's cache folder. It holds for the process and for the first who says it, with
/// that one's `gpu`, and has to be said before the first use of a GPU.
pub fn keep_in(folder: Option<&Path>, gpu: impl FnOnce() -> String) {
    static CHOICE: Once = Once::new();
    CHOICE.call_once(|| {
        let mut config = CubeClRuntimeConfig::default();
        config.compilation.cache = true;
        config.environment.name = format!("{}-{}", env!("CARGO_PKG_VERSION"), file_name(&gpu()));
        config.environment.path = match folder {
            Some(folder) => CacheConfig::Directory(folder.to_owned()),
            None => CacheConfig::Global,
        };
        CubeClRuntimeConfig::try_set(config.override_from_env());
    });
}

/// The file they are kept in.
pub fn file() -> PathBuf {
    environment::path()
}

/// What of a name may be in a file's.
fn file_name(name: &str) -> String {
    let plain = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || letter == '.' => letter,
        _ => '-',
    };
    name.chars().map(plain).collect()
}
