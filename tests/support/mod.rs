//! What several test files share: networks whose weights are a formula, the reference's answers to them, and how close
//! an engine has to come.

pub mod formula;
pub mod golden;
pub mod probe;
pub mod reference;
