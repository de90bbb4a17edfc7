//! Everything that decides the bytes of the rows. Runs that differ in any of it do not belong in the same folder.

use serde_json::{Map, Value};

use crate::digest::sha256;

/// A JSON object with the list, the weights, the options and the program.
#[derive(Clone, Debug, PartialEq)]
pub struct Fingerprint(pub Value);

impl Fingerprint {
    /// The digest of it.
    pub fn digest(&self) -> String {
        sha256(&mut self.0.to_string().as_bytes()).expect("memory can be read")
    }

    /// The first thing in which `found` differs, with both values.
    pub fn difference(&self, found: &Self) -> Option<String> {
        difference("", &self.0, &found.0)
    }
}

fn difference(path: &str, expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let keys = expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key)));
            let separator = if path.is_empty() { "" } else { "." };
            let value = |object: &Map<String, Value>, key: &str| object.get(key).cloned().unwrap_or_default();
            keys.map(|key| difference(&format!("{path}{separator}{key}"), &value(expected, key), &value(found, key)))
                .find_map(|difference| difference)
        }
        _ if expected == found => None,
        _ => Some(format!("{path}: expected {expected}, found {found}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_named_with_both_values() {
        let ours = Fingerprint(json!({"options": {"conf": 0.25, "classes": null}, "shards": 4}));
        assert_eq!(ours.difference(&ours.clone()), None);
        for (theirs, difference) in [
            (json!({"options": {"conf": 0.5, "classes": null}, "shards": 4}), "options.conf: expected 0.25, found 0.5"),
            (json!({"options": {"conf": 0.25}}), "shards: expected 4, found null"),
            (
                json!({"options": {"conf": 0.25, "isa": "avx2"}, "shards": 4}),
                "options.isa: expected null, found \"avx2\"",
            ),
            (json!([]), ": expected {\"options\":{\"classes\":null,\"conf\":0.25},\"shards\":4}, found []"),
        ] {
            assert_eq!(ours.difference(&Fingerprint(theirs)).as_deref(), Some(difference));
        }
    }
}
