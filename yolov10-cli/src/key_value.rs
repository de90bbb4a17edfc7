//! `key=value` words as ultralytics has them, turned into `--key value` before the options are parsed.
//!
//! A word is only an option if the command has one of that name: `a=b.jpg` stays a file.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use anyhow::{Result, bail};
use clap::{Arg, ArgAction, Command};

/// Other names, and ultralytics' options that are the opposite of one here.
const RENAMED: [(&str, &str); 1] = [("model", "weights")];
const OPPOSITES: [(&str, &str); 3] = [("show-labels", "hide-labels"), ("show-conf", "hide-conf"), ("verbose", "quiet")];
/// The key of the words without a key.
const SOURCE: &str = "source";

/// Rewrites the `key=value` words of a command line for `program`.
pub fn expand(line: impl Iterator<Item = OsString>, program: &Command) -> Result<Vec<OsString>> {
    let mut words: Vec<OsString> = Vec::new();
    let mut command = None;
    let mut options_ended = false;
    for word in line {
        options_ended |= word == "--";
        match (command, word.to_str().and_then(split)) {
            (Some(command), Some((key, value))) if !options_ended => {
                words.extend(as_options(command, &key, value, &word)?);
            }
            _ => {
                // The program's own name comes first.
                if command.is_none() && !words.is_empty() {
                    command = word.to_str().and_then(|name| program.find_subcommand(name));
                }
                words.push(word);
            }
        }
    }
    Ok(words)
}

/// `line_width=2` as `line-width` and `2`; no key has other characters than letters, digits and underscores.
fn split(word: &str) -> Option<(String, &str)> {
    let (key, value) = word.split_once('=')?;
    let is_key = key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_key.then(|| (key.replace('_', "-"), value))
}

fn as_options(command: &Command, key: &str, value: &str, word: &OsStr) -> Result<Vec<OsString>> {
    let find = |name: &str| command.get_arguments().find(|arg| arg.get_long() == Some(name));
    let renamed = |(from, to): &(&str, &'static str)| (*from == key).then_some(*to);
    let key = RENAMED.iter().find_map(renamed).unwrap_or(key);
    let option = |name: &str| OsString::from(format!("--{name}"));
    let opposite = match OPPOSITES.iter().find_map(renamed) {
        Some(name) => name.to_owned(),
        None => format!("no-{key}"),
    };
    let flag_or_opposite = find(key).or_else(|| find(&opposite)).is_some_and(is_flag);
    if key == SOURCE && command.get_positionals().next().is_some() {
        return Ok(vec![value.into()]);
    }
    if flag_or_opposite {
        let wanted = truth(value);
        let name = match wanted {
            Some(true) => find(key).map(|_| key),
            Some(false) => find(&opposite).map(|_| opposite.as_str()),
            None => bail!("{}: expected True or False, found {value}", word.display()),
        };
        return Ok(name.map(option).into_iter().collect());
    }
    match find(key) {
        // One word, so that a value may start with a dash.
        Some(_) => Ok(vec![format!("--{key}={value}").into()]),
        None if Path::new(word).exists() => Ok(vec![word.to_owned()]),
        None => bail!("{}: {} has no option {key}, and there is no such file", word.display(), command.get_name()),
    }
}

fn is_flag(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

fn truth(value: &str) -> Option<bool> {
    match value {
        "True" | "true" | "1" => Some(true),
        "False" | "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let run = Command::new("run")
            .visible_alias("predict")
            .arg(Arg::new("source"))
            .arg(Arg::new("weights").long("weights"))
            .arg(Arg::new("max-det").long("max-det"))
            .args([flag("save-txt"), flag("no-save"), flag("rect"), flag("no-rect"), flag("hide-conf")]);
        Command::new("program").subcommand(run)
    }

    fn expanded(line: &str) -> Result<String, String> {
        let words = line.split(' ').map(OsString::from);
        let expanded = expand(words, &program()).map_err(|error| error.to_string())?;
        let words: Vec<&str> = expanded.iter().map(|word| word.to_str().expect("ASCII")).collect();
        Ok(words.join(" "))
    }

    #[test]
    fn a_word_with_a_known_key_becomes_an_option() {
        for (words, options) in [
            ("program run max_det=5", "program run --max-det=5"),
            ("program predict model=n.pt source=a.jpg", "program predict --weights=n.pt a.jpg"),
            ("program run save_txt=True", "program run --save-txt"),
            ("program run save_txt=False", "program run"),
            ("program run save=False", "program run --no-save"),
            ("program run save=True", "program run"),
            ("program run rect=False", "program run --no-rect"),
            ("program run show_conf=False", "program run --hide-conf"),
        ] {
            assert_eq!(expanded(words).as_deref(), Ok(options));
        }
    }

    #[test]
    fn other_words_stay_as_they_are() {
        for words in ["program run a.jpg", "program run --max-det=5", "program run -- max_det=5", "program run A=1"] {
            assert_eq!(expanded(words).as_deref(), Ok(words));
        }
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = expanded("program run confi=0.3").expect_err("no such option");
        assert_eq!(error, "confi=0.3: run has no option confi, and there is no such file");
        let error = expanded("program run rect=perhaps").expect_err("neither true nor false");
        assert_eq!(error, "rect=perhaps: expected True or False, found perhaps");
    }
}
