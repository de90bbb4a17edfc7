//! Data set files and files of class names.

use detection_metrics::{Dataset, Split, read_class_names};
use fastrand::Rng;

use crate::damage::{NAMES, NUMBER_TEXTS, damage, once_in, one_of};
use crate::place::Place;
use crate::target::Target;

/// Tokens of the format.
const TOKENS: [&str; 24] = [
    "names:",
    "nc:",
    "val:",
    "path:",
    "train:",
    "\n",
    "\n  ",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "<<: *a",
    "!!int ",
    "!!binary ",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "# ",
    "---\n",
];

/// The parser's limits let aliases expand to a few times the size of the text.
fn budget(length: usize) -> usize {
    (64 << 20) + 64 * length
}

pub fn target() -> Target {
    let place =
        Place::new(&[("images/1.jpg", ""), ("labels/1.txt", "0 .5 .5 .1 .1\n"), ("list.txt", "./images/1.jpg\n")]);
    Target {
        budget,
        make: Box::new(make),
        read: Box::new(move |yaml| {
            let path = place.write("data.yaml", &yaml);
            let names = read_class_names(&path);
            let dataset = Dataset::from_yaml(&path, Split::Val);
            names.is_ok() && dataset.is_ok()
        }),
    }
}

fn make(rng: &mut Rng) -> Vec<u8> {
    let mut lines = vec![places("val", rng), names(rng)];
    if once_in(rng, 3) {
        lines.push(format!("nc: {}", if once_in(rng, 2) { "2" } else { one_of(rng, &NUMBER_TEXTS) }));
    }
    if once_in(rng, 3) {
        lines.push(format!("path: {}", one_of(rng, &[".", "images", "..", "nowhere", "'.'", "~"])));
    }
    if once_in(rng, 4) {
        lines.push(places(one_of(rng, &["train", "test", "validation", "minival"]), rng));
    }
    if once_in(rng, 8) {
        lines.push(nested(rng));
    }
    rng.shuffle(&mut lines);
    let mut bytes = lines.join("\n").into_bytes();
    if once_in(rng, 8) {
        bytes.splice(0..0, "\u{feff}".bytes());
    }
    damage(rng, &mut bytes, &TOKENS);
    within_the_place(&mut bytes);
    bytes
}

/// A data set may name the whole disk, which would then be searched: paths must not leave the test folder.
fn within_the_place(yaml: &mut [u8]) {
    const KNOWN: [&[u8]; 3] = [b"../images", b"/dev/zero", b"zero"];
    for at in 0..yaml.len() {
        let is_known =
            |start: usize| yaml.get(start..).is_some_and(|rest| KNOWN.iter().any(|word| rest.starts_with(word)));
        if yaml[at] == b'/' && !is_known(at) && !is_known(at.saturating_sub(2)) && !is_known(at + 1) {
            yaml[at] = b'|';
        }
    }
}

fn places(key: &str, rng: &mut Rng) -> String {
    let entry =
        |rng: &mut Rng| one_of(rng, &["images", "list.txt", "../images", ".", "", "nowhere", "data.yaml", "/dev/zero"]);
    match rng.usize(..3) {
        0 => format!("{key}: {}", entry(rng)),
        1 => format!("{key}: [{}, {}]", entry(rng), entry(rng)),
        _ => format!("{key}:\n  - {}\n  - {}", entry(rng), entry(rng)),
    }
}

fn names(rng: &mut Rng) -> String {
    let name = |rng: &mut Rng| match rng.usize(..3) {
        0 => one_of(rng, &["no", "7", "1e3", "null", "~", "'two words'", "\"\\u0007\"", "a: b", "*a"]).to_owned(),
        1 => format!("{:?}", one_of(rng, &NAMES)),
        _ => "cat".to_owned(),
    };
    let count = if once_in(rng, 50) { 20_000 } else { rng.usize(..4) };
    match rng.usize(..3) {
        0 => format!("names: [{}]", (0..count).map(|_| name(rng)).collect::<Vec<_>>().join(", ")),
        1 => (0..count).fold("names:".to_owned(), |text, _| format!("{text}\n  - {}", name(rng))),
        _ => {
            let key = |rng: &mut Rng, class: usize| match once_in(rng, 8) {
                true => one_of(rng, &NUMBER_TEXTS).to_owned(),
                false => class.to_string(),
            };
            (0..count).fold("names:".to_owned(), |text, class| format!("{text}\n  {}: {}", key(rng, class), name(rng)))
        }
    }
}

/// Deep or wide nesting, which may exhaust the stack, or memory by aliases of aliases.
fn nested(rng: &mut Rng) -> String {
    let depth = [10, 200, 20_000][rng.usize(..3)];
    match rng.usize(..3) {
        0 => format!("extra: {}{}", "[".repeat(depth), "]".repeat(depth)),
        1 => format!("extra: {}", "{a: ".repeat(depth)),
        _ => (1..30).fold("l0: &l0 [x, x]".to_owned(), |text, level| {
            let below = level - 1;
            format!("{text}\nl{level}: &l{level} [*l{below}, *l{below}, *l{below}]")
        }),
    }
}
