//! Stages that work at the same time, on no more pictures than their queues can hold.
//!
//! A stage deals its input to its lanes in turn and collects their output in turn, so results keep the order of the
//! input without a buffer that could grow. When a receiver is dropped, all stages before it stop.

use std::io;
use std::iter;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

/// Most items that wait between two stages, per lane.
const QUEUE: usize = 1;
/// Most threads of a stage beside the detector: each may hold three pictures.
const MOST_LANES: usize = 4;

/// The input of a stage.
pub struct Dealer<T> {
    lanes: Vec<SyncSender<T>>,
    turn: usize,
}

/// The output of a stage.
pub struct Collector<T> {
    lanes: Vec<Receiver<T>>,
    turn: usize,
}

/// The receiver is gone: nobody wants more results.
#[derive(Clone, Copy, Debug)]
pub struct Closed;

/// Number of threads for a stage beside the detector.
pub fn lanes() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    cores.div_ceil(2).min(MOST_LANES)
}

/// Starts a stage: `lanes` threads, each of which applies `work` to its share of the input.
///
/// # Errors
/// The system refuses more threads.
pub fn stage<'scope, I, O, W>(
    scope: &'scope Scope<'scope, '_>,
    lanes: usize,
    work: W,
) -> io::Result<(Dealer<I>, Collector<O>)>
where
    I: Send + 'scope,
    O: Send + 'scope,
    W: Fn(I) -> O + Clone + Send + 'scope,
{
    stage_of(scope, vec![work; lanes])
}

/// Starts a stage of several workers, each on its own thread.
///
/// # Errors
/// The system refuses more threads.
pub fn stage_of<'scope, I, O, W>(
    scope: &'scope Scope<'scope, '_>,
    workers: Vec<W>,
) -> io::Result<(Dealer<I>, Collector<O>)>
where
    I: Send + 'scope,
    O: Send + 'scope,
    W: FnMut(I) -> O + Send + 'scope,
{
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    for work in workers {
        let (input, inbox) = sync_channel(QUEUE);
        let (outbox, output) = sync_channel(QUEUE);
        spawn(scope, move || {
            inbox.into_iter().map(work).try_for_each(|result| outbox.send(result).map_err(|_| Closed))
        })?;
        inputs.push(input);
        outputs.push(output);
    }
    Ok((Dealer { lanes: inputs, turn: 0 }, Collector { lanes: outputs, turn: 0 }))
}

/// Starts a thread of the scope. One that ends early has no receiver left.
///
/// # Errors
/// The system refuses another thread.
pub fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> Result<(), Closed> + Send + 'scope,
) -> io::Result<()> {
    thread::Builder::new().spawn_scoped(scope, work).map(drop)
}

/// Groups of `size` items, in order; the last group may be smaller.
pub fn batches<T>(mut items: impl Iterator<Item = T>, size: NonZeroUsize) -> impl Iterator<Item = Vec<T>> {
    iter::from_fn(move || {
        let batch: Vec<T> = items.by_ref().take(size.get()).collect();
        (!batch.is_empty()).then_some(batch)
    })
}

impl<T> Dealer<T> {
    /// Waits until the next lane has room.
    pub fn deal(&mut self, item: T) -> Result<(), Closed> {
        self.lanes[self.turn].send(item).map_err(|_| Closed)?;
        self.turn = (self.turn + 1) % self.lanes.len();
        Ok(())
    }
}

impl<T> Iterator for Collector<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        // The next item would come from this lane: if it has ended, all have.
        let item = self.lanes[self.turn].recv().ok()?;
        self.turn = (self.turn + 1) % self.lanes.len();
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_input() {
        let results: Vec<u64> = std::thread::scope(|scope| {
            let slow_first = |number: u64| {
                std::thread::sleep(Duration::from_millis(if number.is_multiple_of(3) { 3 } else { 0 }));
                number
            };
            let (mut dealer, collector) = stage(scope, 4, slow_first).expect("threads");
            scope.spawn(move || (0..30).try_for_each(|number| dealer.deal(number)));
            collector.collect()
        });
        assert_eq!(results, (0..30).collect::<Vec<_>>());
    }

    #[test]
    fn the_last_batch_has_what_is_left() {
        let three = NonZeroUsize::new(3).expect("three is not zero");
        let grouped: Vec<Vec<u8>> = batches(0..7, three).collect();
        assert_eq!(grouped, [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!(batches(0..0, three).count(), 0);
    }

    #[test]
    fn a_receiver_that_leaves_stops_an_endless_input() {
        let dealt = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (mut dealer, collector) = stage(scope, 2, |number: usize| number).expect("threads");
            let dealt = &dealt;
            scope.spawn(move || while dealer.deal(dealt.fetch_add(1, Ordering::Relaxed)).is_ok() {});
            assert_eq!(collector.take(5).sum::<usize>(), 10);
        });
        // Five taken; per lane one in each of the two queues, one in work and one that failed to be sent.
        assert!(dealt.into_inner() <= 5 + 2 * 4);
    }
}
