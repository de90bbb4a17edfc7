//! Lists of a data set's pictures, of sources, and of class names.

use detection_metrics::{Dataset, Split, read_class_names};
use fastrand::Rng;
use yolov10_media::{Depth, Sources};

use crate::damage::{NAMES, damage, once_in, one_of};
use crate::place::Place;
use crate::target::Target;

/// Tokens of the format.
const TOKENS: [&str; 12] =
    ["\n", "\r\n", "\r", "./", "../", "\u{feff}", ",", "\"", "image,label\n", "# ", "*.jpg", "images/1.jpg\n"];

/// A line of a few bytes takes a path, a source and a name.
fn budget(length: usize) -> usize {
    (16 << 20) + 256 * length
}

pub fn target() -> Target {
    let place = Place::new(&[("data.yaml", "val: list.txt\nnc: 1\n"), ("images/1.jpg", ""), ("images/2.png", "")]);
    Target {
        budget,
        make: Box::new(make),
        read: Box::new(move |list| {
            let path = place.write("list.txt", &list);
            let table = place.write("list.csv", &list);
            let names = read_class_names(&path);
            let dataset = Dataset::from_yaml(&place.path("data.yaml"), Split::Val);
            let sources = [path, table].map(|list| Sources::expand([list], Depth::Folder).len());
            names.is_ok() && dataset.is_ok() && sources.iter().all(|sources| *sources > 0)
        }),
    }
}

fn make(rng: &mut Rng) -> Vec<u8> {
    let lines = match rng.usize(..200) {
        0 => 5_000,
        1..20 => 200,
        _ => rng.usize(..6),
    };
    let mut text = String::new();
    if once_in(rng, 8) {
        text.push('\u{feff}');
    }
    if once_in(rng, 4) {
        text += one_of(rng, &["image\n", "label,Path\n", "a,b,c\n", "file;x\n"]);
    }
    for _ in 0..lines {
        match rng.usize(..4) {
            0 => text += one_of(rng, &NAMES),
            1 => text += &"x/".repeat([1, 100, 10_000][rng.usize(..3)].min(if lines > 10 { 10 } else { 10_000 })),
            _ => {
                text +=
                    one_of(rng, &["images/1.jpg", "./images/2.png", "nowhere.jpg", "\"images/1.jpg\",0", "list.txt"])
            }
        }
        text += one_of(rng, &["\n", "\n", "\r\n", ",1\n"]);
    }
    let mut bytes = text.into_bytes();
    if once_in(rng, 30) {
        bytes = bytes.into_iter().flat_map(|byte| [byte, 0]).collect();
    }
    damage(rng, &mut bytes, &TOKENS);
    bytes
}
