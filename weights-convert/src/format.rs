//! The mark of a converted file.

/// The value of `format`, which marks a converted file.
pub(crate) const FORMAT: &str = "yolo10-burn";

/// The value of `format_version`, raised whenever keys or metadata change their meaning.
pub(crate) const FORMAT_VERSION: &str = "1";
