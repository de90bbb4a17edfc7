//! What several test files share: networks whose weights are a formula, and the reference's answers to them.

pub mod formula;
pub mod golden;
