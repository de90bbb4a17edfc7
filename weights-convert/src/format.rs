//! By what a converted file is known.

/// The value of `format`, by which a converted file is known.
pub(crate) const FORMAT: &str = "yolo10-burn";

/// The value of `format_version`, raised whenever keys or metadata change their meaning.
pub(crate) const FORMAT_VERSION: &str = "1";
