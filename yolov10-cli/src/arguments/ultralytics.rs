//! Keys and commands of ultralytics that this program does not have.

use crate::message;

/// What a key and its value mean here.
pub enum Meaning {
    /// An option of this program.
    Option(&'static str),
    /// Nothing; the user has been told if it matters.
    Nothing,
    /// Something that this program cannot do.
    Refused(&'static str),
}

/// Keys about ultralytics' own workings or its training.
const WITHOUT_MEANING: [&str; 67] = [
    "amp",
    "augment",
    "auto-augment",
    "boxes",
    "box",
    "bgr",
    "cache",
    "cfg",
    "close-mosaic",
    "cls",
    "compile",
    "copy-paste",
    "copy-paste-mode",
    "cos-lr",
    "crop-fraction",
    "cutmix",
    "degrees",
    "deterministic",
    "dfl",
    "dnn",
    "dropout",
    "dynamic",
    "embed",
    "end2end",
    "epochs",
    "erasing",
    "fliplr",
    "flipud",
    "fraction",
    "freeze",
    "hsv-h",
    "hsv-s",
    "hsv-v",
    "int8",
    "keras",
    "kobj",
    "lr0",
    "lrf",
    "mask-ratio",
    "mixup",
    "momentum",
    "mosaic",
    "multi-scale",
    "nbs",
    "optimize",
    "optimizer",
    "opset",
    "overlap-mask",
    "patience",
    "perspective",
    "pose",
    "pretrained",
    "profile",
    "resume",
    "retina-masks",
    "save-hybrid",
    "save-period",
    "scale",
    "seed",
    "shear",
    "show",
    "show-boxes",
    "simplify",
    "single-cls",
    "stream",
    "stream-buffer",
    "visualize",
];
/// Keys that only some commands here have.
const WITHOUT_MEANING_EVERYWHERE: [&str; 9] =
    ["format", "plots", "save", "save-frames", "split", "time", "translate", "tracker", "workers"];

const NO_SERVICE: &str = "there is no service to log in to: weights are files, see yolo10-burn run --help";
/// Commands of ultralytics, and what to use instead.
const COMMANDS: [(&str, &str); 13] = [
    ("benchmark", "yolo10-burn bench measures speed and memory, yolo10-burn val accuracy"),
    ("cfg", "there are no settings: every option is given with the command, see yolo10-burn run --help"),
    ("checks", "yolo10-burn doctor looks at this machine"),
    ("copy-cfg", "there are no settings: every option is given with the command, see yolo10-burn run --help"),
    (
        "export",
        "nothing needs to be exported: every command reads .pt, and yolo10-burn convert makes the file that loads fastest",
    ),
    ("hub", NO_SERVICE),
    ("login", NO_SERVICE),
    ("logout", NO_SERVICE),
    ("settings", "there are no settings: every option is given with the command, see yolo10-burn run --help"),
    ("solutions", "there are none: yolo10-burn run --json gives the boxes of each frame for one of your own"),
    ("track", "there is no tracker: yolo10-burn run --json gives the boxes of each frame for one of your own"),
    (
        "train",
        "there is no training: train with ultralytics or the authors' code, and run its best.pt with yolo10-burn run --weights best.pt",
    ),
    ("version", "yolo10-burn --version says it"),
];
/// Tasks other than detection.
const OTHER_TASKS: [&str; 5] = ["classify", "obb", "pose", "segment", "semantic"];
const ONE_TASK: &str = "this program detects objects, and nothing else";

/// What `key=value` means here, if ultralytics knows the key.
pub fn meaning(key: &str, value: &str) -> Option<Meaning> {
    let is_off = matches!(value, "" | "None" | "False" | "false" | "0");
    match key {
        "task" if value == "detect" => Some(Meaning::Nothing),
        "task" => Some(Meaning::Refused(ONE_TASK)),
        "nms" if is_off => Some(Meaning::Nothing),
        "nms" => Some(Meaning::Option("--head=one2many")),
        _ if WITHOUT_MEANING.contains(&key) || WITHOUT_MEANING_EVERYWHERE.contains(&key) => {
            if !is_off {
                message::note(format_args!("{}={value} has no effect here", key.replace('-', "_")));
            }
            Some(Meaning::Nothing)
        }
        _ => None,
    }
}

/// What to use instead of ultralytics' command of this name.
pub fn instead_of(command: &str) -> Option<&'static str> {
    let sentence = COMMANDS.iter().find(|(name, _)| *name == command).map(|(_, sentence)| *sentence);
    sentence.or_else(|| OTHER_TASKS.contains(&command).then_some(ONE_TASK))
}
