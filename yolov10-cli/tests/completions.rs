//! Completion in the shells themselves. CI has all three; where one is missing elsewhere, that is said.

#![cfg(unix)]

mod support;

use std::process::{Command, Stdio};

use support::Workplace;

/// What a shell says to this script, which finds the completions of `yolo10-burn` in `completions`; `None` without it.
fn said(shell: &str, options: &[&str], script: &str) -> Option<String> {
    let place = Workplace::new();
    let completions = place.run(&["completions", shell]);
    assert_eq!(completions.code, Some(0), "{completions:?}");
    place.file("completions", completions.stdout.as_bytes());
    place.file("script", script.as_bytes());
    let mut command = Command::new(shell);
    command.args(options).arg("script").current_dir(place.path(".")).stdin(Stdio::null());
    match command.env("HOME", place.path(".")).env("TERM", "dumb").output() {
        Ok(output) => {
            assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{shell}: {error}");
            eprintln!("not tested: no {shell} on this machine");
            None
        }
    }
}

#[test]
fn bash_completes_after_the_subcommand() {
    let script = r#"
        source completions
        complete() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _yolo10__burn "$1" "${@: -1}" "${@: -2:1}"; echo "${COMPREPLY[@]}"; }
        complete yolo10-burn va
        complete yolo10-burn run --save-c
        complete yolo10-burn run --dtype b
        complete yolo10-burn run --device ""
        complete yolo10-burn predict --isa avx5
    "#;
    let Some(said) = said("bash", &["--norc"], script) else { return };
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines, ["val", "--save-conf --save-crop --save-csv", "bf16", "auto cpu flex cuda wgpu", "avx512"]);
}

#[test]
fn fish_completes_after_the_subcommand() {
    let script = r#"
        source completions
        complete --do-complete "yolo10-burn va"
        complete --do-complete "yolo10-burn run --save-c"
        complete --do-complete "yolo10-burn run --dtype b"
        complete --do-complete "yolo10-burn run --device w"
    "#;
    let Some(said) = said("fish", &["--no-config"], script) else { return };
    let words: Vec<&str> = said.lines().filter_map(|line| line.split('\t').next()).collect();
    for word in ["val", "--save-conf", "--save-crop", "--save-csv", "bf16", "wgpu"] {
        assert!(words.contains(&word), "{word} in {words:?}");
    }
}

#[test]
fn zsh_completes_after_the_subcommand() {
    // A shell within a terminal of its own: completion is part of the line editor.
    let script = r#"
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell 'PS1=; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D; source ./completions; compdef _yolo10-burn yolo10-burn'
        try() {
            zpty -n -w shell "$1"$'\t'
            local seen= chunk= tries=0
            while (( tries++ < 200 )) && [[ $seen != *$2* ]]; do
                zpty -r -t shell chunk && seen+=$chunk || sleep 0.05
            done
            [[ $seen == *$2* ]] && print -r -- "found $2" || print -r -- "$1: no $2 in ${(qqqq)seen}"
            zpty -n -w shell $'\C-u'
        }
        sleep 1
        try 'yolo10-burn va' 'yolo10-burn val'
        try 'yolo10-burn run --agn' '--agnostic-nms'
        try 'yolo10-burn run --dtype b' '--dtype bf16'
        try 'yolo10-burn run --device w' '--device wgpu'
        zpty -d shell
    "#;
    let Some(said) = said("zsh", &["-f"], script) else { return };
    let lines: Vec<&str> = said.lines().collect();
    let found = ["found yolo10-burn val", "found --agnostic-nms", "found --dtype bf16", "found --device wgpu"];
    assert_eq!(lines, found);
}
