//! The id of a picture in result files.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

/// 2^53, beyond which not every integer is a float.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// A picture's id: a number in COCO's own files, a file's stem elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum ImageId {
    /// A number.
    Number(u64),
    /// A name.
    Name(String),
}

impl ImageId {
    /// The id of a picture without an annotation file: the file's stem.
    pub fn of(image: &Path) -> Self {
        Self::from(stem(image))
    }

    /// The ids of these pictures, all different: `1.jpg` and `01.jpg` keep their stems, and pictures with the same stem, in
    /// several folders or with several extensions, get their paths.
    pub fn of_all<'p>(images: impl Iterator<Item = &'p Path> + Clone) -> Vec<Self> {
        let mut times: HashMap<Self, usize> = HashMap::new();
        let named = |image: &Path| Self::Name(stem(image));
        for image in images.clone() {
            // A stem that is a number counts as both.
            let (id, name) = (Self::of(image), named(image));
            if id != name {
                *times.entry(name).or_default() += 1;
            }
            *times.entry(id).or_default() += 1;
        }
        let is_unique = |id: &Self| times.get(id) == Some(&1);
        let whole = |image: &Path| Self::Name(image.to_string_lossy().into_owned());
        images
            .map(|image| {
                let candidates = [Self::of(image), named(image)];
                candidates.into_iter().find(is_unique).unwrap_or_else(|| whole(image))
            })
            .collect()
    }
}

impl From<String> for ImageId {
    /// A number if there are only digits, as in COCO's own file names.
    fn from(stem: String) -> Self {
        let number = stem.parse().ok().filter(|_| stem.bytes().all(|byte| byte.is_ascii_digit()));
        number.map_or(Self::Name(stem), Self::Number)
    }
}

fn stem(image: &Path) -> String {
    image.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

impl<'de> Deserialize<'de> for ImageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = ImageId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 or a name as an id")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<ImageId, E> {
        Ok(ImageId::Number(number))
    }

    /// Tables may have turned integers into floats.
    fn visit_f64<E: Error>(self, number: f64) -> Result<ImageId, E> {
        if number.fract() == 0.0 && (0.0..LARGEST_EXACT).contains(&number) {
            Ok(ImageId::Number(number as u64))
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<ImageId, E> {
        Ok(ImageId::Name(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_only_if_no_other_picture_has_it() {
        let ids = |names: &[&str]| -> Vec<String> {
            ImageId::of_all(names.iter().map(Path::new)).iter().map(ImageId::to_string).collect()
        };
        assert_eq!(ids(&["a/000139.jpg", "a/b.jpg"]), ["139", r#""b""#]);
        assert_eq!(ids(&["a/1.jpg", "a/01.jpg", "a/2.jpg"]), [r#""1""#, r#""01""#, "2"]);
        assert_eq!(ids(&["a/1.jpg", "b/1.jpg"]), [r#""a/1.jpg""#, r#""b/1.jpg""#]);
        assert_eq!(ids(&["a/x.jpg", "a/x.png", "y.jpg"]), [r#""a/x.jpg""#, r#""a/x.png""#, r#""y""#]);
    }

    #[test]
    fn an_id_is_an_integer_in_whatever_form_or_a_name() {
        let read = |json: &str| serde_json::from_str::<ImageId>(json).map_err(|error| error.to_string());
        assert_eq!(read("139.0"), Ok(ImageId::Number(139)));
        assert_eq!(read("139"), Ok(ImageId::Number(139)));
        assert_eq!(read(r#""139""#), Ok(ImageId::Name("139".to_owned())));
        let error = read("1.5").expect_err("no integer");
        assert!(
            error.starts_with("invalid value: floating point `1.5`, expected a number from 0 or a name"),
            "{error}"
        );
    }
}
