//! Workers, watched: one that dies or hangs is noted and followed by another.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::worker::{Fate, WORD};

/// An input that is not done by then hangs, if its worker could work. On a busy machine a sound one takes some tenths of a
/// second.
const PATIENCE: Duration = Duration::from_secs(20);
/// Processor time in as long from which on a worker could work. Somebody may have stopped it for a while.
const WORK: Duration = Duration::from_secs(5);
/// How often to wait for one that does not work: then it waits for something that never comes.
const MOST_WAITS: usize = 20;
/// Address space of a worker, in KiB: what takes more than this aborts before the machine suffers.
const ADDRESS_SPACE: usize = 8 << 20;

/// What became of a target's inputs.
#[derive(Default)]
struct Count {
    fates: [usize; Fate::ALL.len()],
    aborts: usize,
    hangs: usize,
    peak: usize,
    /// What to repeat: index, and what happened.
    failures: Vec<(usize, String)>,
}

/// How a line of the table is about to end.
enum Ending {
    Done,
    Died,
    Hung,
}

/// Has `inputs` inputs read by so many workers at a time, says what became of them, and gives the number of failures.
pub fn run(name: &str, seed: u64, inputs: usize, workers: usize) -> usize {
    let started = Instant::now();
    let workers = workers.min(inputs.max(1));
    let counts: Vec<Count> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..workers).map(|first| scope.spawn(move || watch(name, seed, first, inputs, workers))).collect();
        threads.into_iter().map(|thread| thread.join().expect("watching does not panic")).collect()
    });
    let sum = |field: fn(&Count) -> usize| counts.iter().map(field).sum::<usize>();
    let [read, _, panics, beyond] =
        std::array::from_fn(|fate| counts.iter().map(|count| count.fates[fate]).sum::<usize>());
    let (aborts, hangs) = (sum(|count| count.aborts), sum(|count| count.hangs));
    let peak = counts.iter().map(|count| count.peak).max().unwrap_or(0) / 1_000_000;
    let seconds = started.elapsed().as_secs();
    println!("{name:<12} {inputs:>9} {read:>9} {panics:>8} {aborts:>8} {beyond:>8} {hangs:>8} {peak:>9} {seconds:>8}");
    for (index, what) in counts.iter().flat_map(|count| &count.failures) {
        println!("  {what}: campaign --target {name} --seed {seed} --at {index}");
    }
    panics + aborts + beyond + hangs
}

/// Reads the inputs `first`, `first + step` and so on, by as many workers as it takes.
fn watch(name: &str, seed: u64, first: usize, end: usize, step: usize) -> Count {
    let mut count = Count::default();
    let mut next = first;
    while next < end {
        let (mut child, lines) = start(name, seed, next, end, step);
        let ending = follow(child.id(), &lines, &mut next, end, step, &mut count);
        // Only of use where it hangs; it is no error if it is gone.
        child.kill().ok();
        let status = child.wait().expect("the worker is ours");
        match ending {
            Ending::Done => (),
            Ending::Died => {
                count.aborts += 1;
                count.failures.push((next, format!("{status}")));
                next += step;
            }
            Ending::Hung => {
                count.hangs += 1;
                count.failures.push((next, format!("no end in {} s", PATIENCE.as_secs())));
                next += step;
            }
        }
    }
    count
}

fn start(name: &str, seed: u64, first: usize, end: usize, step: usize) -> (Child, Receiver<String>) {
    let program = std::env::current_exe().expect("the program knows itself");
    let numbers = [seed.to_string(), first.to_string(), end.to_string(), step.to_string()];
    // The shell sets the limit and becomes the worker.
    let limited = format!("ulimit -v {ADDRESS_SPACE}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limited]).arg(program).args([WORD, name]).args(numbers);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a worker starts");
    let output = BufReader::new(child.stdout.take().expect("it was just piped"));
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || output.lines().map_while(Result::ok).map(|line| sender.send(line)).find(Result::is_err));
    (child, lines)
}

/// Counts what the worker says; `next` is then the input that it has not come to the end of.
fn follow(
    worker: u32,
    lines: &Receiver<String>,
    next: &mut usize,
    end: usize,
    step: usize,
    count: &mut Count,
) -> Ending {
    let (mut waits, mut worked) = (0, Duration::ZERO);
    while *next < end {
        let line = match lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                let before = std::mem::replace(&mut worked, processor_time(worker));
                waits += 1;
                if (waits > 1 && worked.saturating_sub(before) >= WORK) || waits > MOST_WAITS {
                    return Ending::Hung;
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return Ending::Died,
        };
        waits = 0;
        let words: Vec<&str> = line.split(' ').collect();
        let [index, word, peak] = words[..] else { panic!("a worker said {line:?}") };
        assert_eq!(index.parse(), Ok(*next), "workers go through the inputs in order");
        let fate = Fate::ALL.iter().position(|(_, known)| *known == word).expect("a fate");
        let peak: usize = peak.parse().expect("bytes");
        count.fates[fate] += 1;
        count.peak = count.peak.max(peak);
        if matches!(Fate::ALL[fate].0, Fate::Panicked | Fate::BeyondBudget) {
            count.failures.push((*next, format!("{word}, {peak} bytes at most")));
        }
        *next += step;
    }
    Ending::Done
}

/// What a process has worked, as Linux says in ticks of 10 ms; elsewhere so much that it counts as working.
fn processor_time(id: u32) -> Duration {
    let ticks = std::fs::read_to_string(format!("/proc/{id}/stat")).ok().and_then(|text| {
        // The name in brackets may contain anything; the times are the 12th and 13th fields after it.
        let (_, fields) = text.rsplit_once(')')?;
        let mut times = fields.split_whitespace().skip(11).map(|field| field.parse::<u64>().ok());
        Some(times.next()?? + times.next()??)
    });
    ticks.map_or(Duration::MAX, |ticks| Duration::from_millis(10 * ticks))
}
