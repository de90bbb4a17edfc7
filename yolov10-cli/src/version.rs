//! Version, commit, features, and the instruction sets available on this machine.

use yolov10_model::options::Isa;

/// All of it, on several lines.
pub fn long() -> String {
    format!("{}\ninstruction sets here: {}", build().replace("; ", "\n"), instruction_sets())
}

/// Version, commit and features of this build.
pub fn build() -> String {
    let features = [("cuda", cfg!(feature = "cuda")), ("wgpu", cfg!(feature = "wgpu"))];
    let features: Vec<&str> =
        features.into_iter().filter_map(|(name, is_built_in)| is_built_in.then_some(name)).collect();
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    format!("{}; features: {features}", program())
}

/// The version, and the commit of the build.
pub fn program() -> String {
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("YOLO10_BURN_COMMIT"));
    format!("{version} (commit {commit})")
}

/// The instruction sets of this machine, best first.
pub fn instruction_sets() -> String {
    let names: Vec<String> = Isa::available().map(|isa| isa.to_string()).collect();
    names.join(", ")
}
