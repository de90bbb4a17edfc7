//! Bad usage in one line: what is wrong, what may have been meant, where to read more.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// What the standard library says of numbers, and what helps more.
const OF_NUMBERS: [(&str, &str); 6] = [
    ("number would be zero for non-zero type", "expected 1 or more"),
    ("invalid digit found in string", "expected a whole number"),
    ("cannot parse integer from empty string", "expected a whole number"),
    ("number too large to fit in target type", "the number is too large"),
    ("invalid float literal", "expected a number"),
    ("cannot parse float from empty string", "expected a number"),
];

/// An error from clap as one line.
pub fn line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // The text of this one is the whole help.
        return "expected a command, as in: yolo10-burn run picture.jpg (--help says more)".to_owned();
    }
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    // The error ends at the first empty line. Of the tips below it, only those that name something existing help.
    let wrong: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let kinds = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let meant = kinds.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(name) => Some(name.clone()),
        ContextValue::Strings(names) => names.first().cloned(),
        _ => None,
    });
    let meant = meant.map_or(String::new(), |name| format!("; did you mean {name}?"));
    let wrong = OF_NUMBERS.iter().fold(wrong.join(" "), |line, (said, helps)| line.replace(said, helps));
    format!("{wrong}{meant} (--help says more)")
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn found(words: &[&str]) -> String {
        let number = clap::value_parser!(std::num::NonZeroUsize);
        let run = Command::new("run")
            .arg(Arg::new("conf").long("conf"))
            .arg(Arg::new("threads").long("threads").value_parser(number))
            .arg(Arg::new("data").required(true));
        let program = Command::new("program").subcommand_required(true).subcommand(run);
        line(&program.try_get_matches_from(words).expect_err("bad usage"))
    }

    #[test]
    fn every_kind_of_bad_usage_is_one_line_that_names_what_exists() {
        for (words, expected) in [
            (&["program", "rum"][..], "unrecognized subcommand 'rum'; did you mean run? (--help says more)"),
            (
                &["program", "run", "--cnf", "1"],
                "unexpected argument '--cnf' found; did you mean --conf? (--help says more)",
            ),
            (&["program", "run", "--zzz"], "unexpected argument '--zzz' found (--help says more)"),
            (
                &["program", "run", "--threads", "0"],
                "invalid value '0' for '--threads <threads>': expected 1 or more (--help says more)",
            ),
            (
                &["program", "run", "--threads", "two"],
                "invalid value 'two' for '--threads <threads>': expected a whole number (--help says more)",
            ),
            (&["program", "run"], "the following required arguments were not provided: <data> (--help says more)"),
        ] {
            assert_eq!(found(words), expected);
        }
    }
}
