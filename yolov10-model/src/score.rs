//! Scores are sigmoids of logits, 0..1.

/// The score of a logit.
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// A lower bound of the inverse of [`sigmoid`]: no logit below it has a score above `score`.
pub fn logit(score: f32) -> f32 {
    // Near 1, neighbouring logits round to the same score, so the bound must keep its distance there.
    const STEEPEST: f32 = 0.999;
    const MARGIN: f32 = 1e-3;
    if score <= 0.0 {
        return f32::NEG_INFINITY;
    }
    let score = score.min(STEEPEST);
    (score / (1.0 - score)).ln() - MARGIN
}
