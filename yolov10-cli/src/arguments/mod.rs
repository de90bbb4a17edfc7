//! Turns the command line as people type it, in ultralytics' form too, into the one that is parsed.

mod key_value;
mod ultralytics;

use std::ffi::OsString;
use std::iter;

use anyhow::{Result, bail};
use clap::Command;

/// The task that ultralytics' command line may name first; here it is the only one.
const TASK: &str = "detect";
/// The key that names a command, and the default command.
const MODE: &str = "mode=";
const USUAL_MODE: &str = "predict";

/// Rewrites a command line for `program`.
pub fn expand(line: impl Iterator<Item = OsString>, program: &Command) -> Result<Vec<OsString>> {
    let mut line = line;
    let Some(own_name) = line.next() else {
        return Ok(Vec::new());
    };
    let mut rest: Vec<OsString> = line.collect();
    if rest.first().is_some_and(|first| first == TASK) {
        rest.remove(0);
    }
    let mut mode = take_mode(&mut rest);
    let first = rest.first().and_then(|first| first.to_str());
    let is_command = first.is_some_and(|first| program.find_subcommand(first).is_some());
    if !is_command && mode.is_none() && first.is_some_and(|first| key_value::split(first).is_some()) {
        mode = Some(USUAL_MODE.to_owned());
    }
    let name = if is_command { Some(rest.remove(0)) } else { mode.map(OsString::from) };
    let named = name.as_deref().or(rest.first().map(OsString::as_os_str)).and_then(|name| name.to_str());
    if let Some(sentence) =
        named.filter(|name| program.find_subcommand(name).is_none()).and_then(ultralytics::instead_of)
    {
        bail!("{}: {sentence}", named.unwrap_or_default());
    }
    let command = name.as_ref().and_then(|name| program.find_subcommand(name));
    let rest = match command {
        Some(command) => key_value::expand(rest, command)?,
        None => rest,
    };
    Ok(iter::once(own_name).chain(name).chain(rest).collect())
}

/// The value of `mode=..`, taken out.
fn take_mode(arguments: &mut Vec<OsString>) -> Option<String> {
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let is_mode = |argument: &OsString| argument.to_str().is_some_and(|text| text.starts_with(MODE));
    let index = arguments[..end].iter().position(is_mode)?;
    arguments.remove(index).to_str()?.strip_prefix(MODE).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn expanded(line: &str) -> Result<String, String> {
        let run = Command::new("run")
            .visible_alias("predict")
            .arg(Arg::new("sources").num_args(0..))
            .arg(Arg::new("conf").long("conf"));
        let program = Command::new("program").subcommand(run).subcommand(Command::new("val"));
        let expanded = expand(line.split(' ').map(OsString::from), &program).map_err(|error| error.to_string())?;
        let arguments: Vec<&str> = expanded.iter().map(|argument| argument.to_str().expect("ASCII")).collect();
        Ok(arguments.join(" "))
    }

    #[test]
    fn the_command_is_found_wherever_ultralytics_has_it() {
        for (line, expected) in [
            ("program run conf=1", "program run --conf=1"),
            ("program detect predict conf=1", "program predict --conf=1"),
            ("program task=detect mode=predict conf=1", "program predict --conf=1"),
            ("program conf=1 source=a.jpg", "program predict --conf=1 a.jpg"),
            ("program predict mode=predict a.jpg", "program predict a.jpg"),
            ("program mode=val", "program val"),
            ("program --version", "program --version"),
            ("program fly", "program fly"),
        ] {
            assert_eq!(expanded(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_there_is_not_gets_a_sentence_that_says_what_there_is_instead() {
        for (line, start) in [
            ("program checks", "checks: yolo10-burn doctor"),
            ("program detect train data=coco.yaml", "train: there is no training: "),
            ("program mode=export", "export: nothing needs to be exported: "),
            ("program segment predict", "segment: this program detects objects, and nothing else"),
        ] {
            let error = expanded(line).expect_err("there is no such command");
            assert!(error.starts_with(start), "{error}");
        }
    }
}
