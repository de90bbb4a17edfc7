//! The `data` of a tensor in JSON: numbers or strings, flat or nested according to the shape.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};

use crate::tensors::Data;

/// Numbers or strings; one of the two is empty.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    numbers: Vec<f32>,
    texts: Vec<String>,
}

impl Elements {
    pub(crate) fn into_data(self) -> Data {
        if self.texts.is_empty() { Data::Numbers(self.numbers) } else { Data::Texts(self.texts) }
    }
}

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut all = Self::default();
        Flat(&mut all).deserialize(deserializer)?;
        Ok(all)
    }
}

/// Appends each value that it parses, so no value is held twice.
struct Flat<'a>(&'a mut Elements);

impl<'de> DeserializeSeed<'de> for Flat<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Flat<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers or strings, or lists of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Flat(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.0.numbers.push(number as f32);
        self.check()
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.texts.push(text.to_owned());
        self.check()
    }
}

impl Flat<'_> {
    fn check<E: Error>(self) -> Result<(), E> {
        if self.0.numbers.is_empty() || self.0.texts.is_empty() {
            return Ok(());
        }
        Err(E::custom("expected numbers or strings, found both"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_flattened_and_mixtures_refused() {
        let read = |json: &str| serde_json::from_str::<Elements>(json).map(|all| (all.numbers, all.texts));
        assert_eq!(read("[[1, 2.5], [[-3]]]").expect("numbers"), (vec![1.0, 2.5, -3.0], vec![]));
        assert_eq!(read(r#"["a", ["b"]]"#).expect("strings"), (vec![], vec!["a".to_owned(), "b".to_owned()]));
        for wrong in [r#"[1, "a"]"#, "[null]", "[true]", r#"[{"a": 1}]"#, "[1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
