//! `key=value` arguments, as ultralytics writes them, turned into `--key value` before the options are parsed.
//!
//! `key=value` is an option only if the command has an option of that name: `a=b.jpg` stays a file, and so does
//! whatever follows an option that takes a value. A value may start with a dash: `--conf -1` is about the value.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use clap::{Arg, ArgAction, Command};

use super::ultralytics::{self, Meaning};

/// Options of ultralytics that are the opposite of one of ours.
const OPPOSITES: [(&str, &str); 3] = [("show-labels", "hide-labels"), ("show-conf", "hide-conf"), ("verbose", "quiet")];
/// Keys for positional arguments.
const POSITIONAL: [(&str, &str); 3] = [("source", "sources"), ("model", "weights"), ("model", "input")];
/// How similar a mistyped key must be to the suggested one, from 0 to 1.
const ALIKE: f64 = 0.8;

/// Rewrites the arguments that follow the name of `command`.
pub fn expand(arguments: Vec<OsString>, command: &Command) -> Result<Vec<OsString>> {
    let mut expanded = Vec::new();
    let mut is_value = false;
    let mut arguments = joined(arguments, command).into_iter();
    for argument in arguments.by_ref() {
        if argument == "--" {
            expanded.push(argument);
            break;
        }
        match argument.to_str() {
            Some(text) if !is_value && !text.starts_with('-') => expanded.extend(as_options(command, text)?),
            Some(text) if !is_value && long_with_one_dash(command, text) => {
                bail!("{text}: did you mean -{text}?");
            }
            Some(text) if is_value && is_no_option(command, text) => {
                let option = expanded.pop().expect("an option comes before its value");
                expanded.push(with_value(option, text));
                is_value = false;
            }
            text => {
                is_value = !is_value && text.is_some_and(|text| takes_next(command, text));
                expanded.push(argument);
            }
        }
    }
    expanded.extend(arguments);
    Ok(expanded)
}

/// `conf = 0.5`, `conf= 0.5` and `conf =0.5` as one argument each.
fn joined(arguments: Vec<OsString>, command: &Command) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let mut is_value = false;
    let mut arguments = arguments.into_iter().peekable();
    while let Some(mut argument) = arguments.next() {
        let text = argument.to_str().unwrap_or_default();
        let is_open = |text: &str| text.strip_suffix('=').is_some_and(is_key);
        let follows = |next: &OsString| next.to_str().is_some_and(|next| next.starts_with('='));
        let value = |next: &OsString| next.to_str().is_none_or(|next| !next.starts_with('-') && !next.contains('='));
        if !is_value && is_key(text) && arguments.peek().is_some_and(follows) {
            argument.push(arguments.next().expect("it was looked at"));
        }
        if !is_value && argument.to_str().is_some_and(is_open) && arguments.peek().is_some_and(value) {
            argument.push(arguments.next().expect("it was looked at"));
        }
        is_value = !is_value && argument.to_str().is_some_and(|text| takes_next(command, text));
        joined.push(argument);
    }
    joined
}

/// Whether the argument after this one is its value.
fn takes_next(command: &Command, argument: &str) -> bool {
    let takes_value = |arg: &&Arg| arg.get_action().takes_values() && !arg.is_positional();
    if let Some(name) = argument.strip_prefix("--") {
        return find(command, name).as_ref().is_some_and(takes_value);
    }
    let Some(letters) = argument.strip_prefix('-') else {
        return false;
    };
    let options = letters.char_indices().map(|(index, letter)| {
        let mut args = command.get_arguments().filter(takes_value);
        (index + letter.len_utf8(), args.any(|arg| arg.get_short() == Some(letter)))
    });
    // The first one that takes a value takes the remaining letters, or the next argument if there are none.
    options.into_iter().find(|(_, takes_value)| *takes_value).is_some_and(|(end, _)| end == letters.len())
}

/// Whether a word starts with a dash, but names no option: a negative number, or something mistyped.
fn is_no_option(command: &Command, word: &str) -> bool {
    let mut letters = word.chars();
    let is_option =
        |letter| letter == '-' || letter == 'h' || command.get_arguments().any(|arg| arg.get_short() == Some(letter));
    letters.next() == Some('-') && letters.next().is_some_and(|letter| !is_option(letter))
}

/// Whether it is an option but for the second dash.
fn long_with_one_dash(command: &Command, word: &str) -> bool {
    let name = word.strip_prefix('-').and_then(|name| name.split('=').next()).filter(|name| name.len() > 1);
    name.is_some_and(|name| find(command, name).is_some()) && is_no_option(command, word)
}

/// An option and its value in one piece.
fn with_value(mut option: OsString, value: &str) -> OsString {
    option.push("=");
    option.push(value);
    option
}

/// `line_width=2` as `line-width` and `2`.
pub fn split(argument: &str) -> Option<(String, &str)> {
    let (key, value) = argument.split_once('=')?;
    is_key(&key.replace('-', "_")).then(|| (key.replace('_', "-"), value))
}

/// Whether `text` can be a key: letters, digits and underscores.
fn is_key(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn find<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    })
}

fn is_flag(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

fn as_options(command: &Command, argument: &str) -> Result<Vec<OsString>> {
    let as_it_is = || Ok(vec![argument.into()]);
    let Some((key, value)) = split(argument) else {
        // A flag without its value: yolo predict save_txt.
        let name = argument.replace('_', "-");
        let option = find(command, &name).filter(|_| is_key(argument) && !Path::new(argument).exists());
        return match option {
            Some(flag) if is_flag(flag) => Ok(vec![format!("--{name}").into()]),
            Some(_) => bail!("{argument}: expected a value, as in {argument}=.. or --{name} .."),
            // Keys are in small letters.
            None => match argument.split_once('=') {
                Some((key, value)) if !Path::new(argument).exists() => {
                    let small = key.to_ascii_lowercase();
                    let is_key = find(command, &small.replace('_', "-")).is_some() || is_positional(command, &small);
                    ensure!(!is_key, "{argument}: there is no such file; did you mean {small}={value}?");
                    as_it_is()
                }
                _ => as_it_is(),
            },
        };
    };
    // A trailing comma is left over from a Python call.
    let value = if Path::new(value).exists() { value } else { value.trim_end_matches(',') };
    if is_positional(command, &key) {
        return Ok(if is_default(value) { vec![] } else { vec![value.into()] });
    }
    let opposite =
        OPPOSITES.iter().find(|(from, _)| *from == key).map_or(format!("no-{key}"), |(_, to)| (*to).to_owned());
    if find(command, &key).or_else(|| find(command, &opposite)).is_some_and(is_flag) {
        let name = match truth(value) {
            _ if is_default(value) => None,
            Some(true) => find(command, &key).map(|_| key.clone()),
            Some(false) => find(command, &opposite).map(|_| opposite),
            None => bail!("{argument}: expected True or False, found {value}"),
        };
        return Ok(name.map(|name| format!("--{name}").into()).into_iter().collect());
    }
    if find(command, &key).is_some() {
        // In one piece, so that a value may start with a dash.
        return Ok(if is_default(value) { vec![] } else { vec![format!("--{key}={value}").into()] });
    }
    match ultralytics::meaning(&key, value) {
        Some(Meaning::Option(option)) => Ok(vec![option.into()]),
        Some(Meaning::Nothing) => Ok(vec![]),
        Some(Meaning::Refused(why)) => bail!("{argument}: {why}"),
        None if Path::new(argument).exists() => as_it_is(),
        None => {
            let meant = meant(command, &key).map_or(String::new(), |key| format!("; did you mean {key}={value}?"));
            bail!("{argument}: {} has no option {key}, and there is no such file{meant}", command.get_name())
        }
    }
}

/// Whether a key is for a positional argument of the command.
fn is_positional(command: &Command, key: &str) -> bool {
    let is_named = |(from, to): &(&str, &str)| *from == key && command.get_positionals().any(|arg| arg.get_id() == *to);
    POSITIONAL.iter().any(is_named)
}

/// The known key most similar to this one.
fn meant(command: &Command, key: &str) -> Option<String> {
    let names = command.get_arguments().filter_map(Arg::get_long).chain(POSITIONAL.map(|(name, _)| name));
    let names = names.filter(|name| *name != "help").map(|name| (strsim::jaro_winkler(key, name), name));
    let (alike, name) = names.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (alike >= ALIKE).then(|| name.replace('-', "_"))
}

/// Whether a value means the default.
fn is_default(value: &str) -> bool {
    matches!(value, "" | "None" | "none" | "null")
}

fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Command {
        let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let option = |name: &'static str| Arg::new(name).long(name);
        Command::new("run")
            .arg(Arg::new("sources").num_args(0..))
            .arg(option("weights").short('w').visible_alias("model"))
            .args([option("max-det"), option("conf"), option("imgsz"), option("classes"), option("source")])
            .args([flag("save-txt"), flag("no-save"), flag("rect"), flag("no-rect"), flag("hide-conf")])
            .arg(flag("quiet").short('q'))
    }

    fn expanded(line: &str) -> Result<String, String> {
        let arguments = line.split(' ').map(OsString::from).collect();
        let expanded = expand(arguments, &run()).map_err(|error| error.to_string())?;
        let arguments: Vec<&str> = expanded.iter().map(|argument| argument.to_str().expect("ASCII")).collect();
        Ok(arguments.join(" "))
    }

    #[test]
    fn an_argument_with_a_known_key_becomes_an_option() {
        for (arguments, options) in [
            ("max_det=5", "--max-det=5"),
            ("max-det=5", "--max-det=5"),
            ("model=n.pt source=a.jpg", "--model=n.pt a.jpg"),
            ("save_txt=True", "--save-txt"),
            ("save_txt=False", ""),
            ("save=False", "--no-save"),
            ("save=True", ""),
            ("rect=False", "--no-rect"),
            ("show_conf=False", "--hide-conf"),
            ("verbose=False", "--quiet"),
            ("imgsz=320, conf=0.5,", "--imgsz=320 --conf=0.5"),
            ("classes=None conf=", ""),
            ("save_txt a.jpg", "--save-txt a.jpg"),
        ] {
            assert_eq!(expanded(arguments).as_deref(), Ok(options), "{arguments}");
        }
    }

    #[test]
    fn spaces_around_the_equals_sign_are_understood() {
        for arguments in ["conf = 0.5", "conf= 0.5", "conf =0.5"] {
            assert_eq!(expanded(arguments).as_deref(), Ok("--conf=0.5"), "{arguments}");
        }
        assert_eq!(expanded("conf= save_txt=True").as_deref(), Ok("--save-txt"));
    }

    #[test]
    fn other_arguments_stay_as_they_are() {
        for arguments in [
            "a.jpg",
            "--max-det=5",
            "-- max_det=5",
            "A=1",
            "--model n=weights.pt",
            "-w conf=1",
            "-qw conf=1",
            "--weights conf = 1",
        ] {
            assert_eq!(expanded(arguments).as_deref(), Ok(arguments));
        }
        assert_eq!(expanded("-q conf=1").as_deref(), Ok("-q --conf=1"));
    }

    #[test]
    fn a_value_may_start_with_a_dash_but_an_option_is_none() {
        for (arguments, options) in [
            ("--conf -1", "--conf=-1"),
            ("--conf -.5MB a.jpg", "--conf=-.5MB a.jpg"),
            ("--conf -inf --imgsz -640", "--conf=-inf --imgsz=-640"),
            ("-qw -5.pt", "-qw=-5.pt"),
            ("conf=-1", "--conf=-1"),
            ("--conf - -5", "--conf - -5"),
            ("--conf -q", "--conf -q"),
            ("--conf --quiet", "--conf --quiet"),
            ("--conf 1 -5", "--conf 1 -5"),
        ] {
            assert_eq!(expanded(arguments).as_deref(), Ok(options), "{arguments}");
        }
    }

    #[test]
    fn what_ultralytics_takes_and_means_nothing_here_is_taken() {
        let line = "task=detect stream=True show=False workers=4 nms=False augment=False";
        assert_eq!(expanded(line).as_deref(), Ok(""));
        assert_eq!(expanded("nms=True").as_deref(), Ok("--head=one2many"));
        let error = expanded("task=segment").expect_err("another task");
        assert_eq!(error, "task=segment: this program detects objects, and nothing else");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it_and_what_may_have_been_meant() {
        for (argument, error) in [
            ("confi=0.3", "confi=0.3: run has no option confi, and there is no such file; did you mean conf=0.3?"),
            ("zzz=1", "zzz=1: run has no option zzz, and there is no such file"),
            ("Conf=0.3", "Conf=0.3: there is no such file; did you mean conf=0.3?"),
            ("conf", "conf: expected a value, as in conf=.. or --conf .."),
            ("max_det", "max_det: expected a value, as in max_det=.. or --max-det .."),
            ("-conf 0.3", "-conf: did you mean --conf?"),
            ("-max-det=3", "-max-det=3: did you mean --max-det=3?"),
            ("rect=perhaps", "rect=perhaps: expected True or False, found perhaps"),
        ] {
            assert_eq!(expanded(argument), Err(error.to_owned()));
        }
    }
}
