//! The machine's stack. Values above the last mark belong to it: nothing below the mark is popped before the mark itself.

use super::{pickle::Value, reader::Reason};

#[derive(Default)]
pub(super) struct Stack<'a> {
    values: Vec<Value<'a>>,
    /// Heights of the stack at each MARK.
    marks: Vec<usize>,
}

impl<'a> Stack<'a> {
    pub(super) fn push(&mut self, value: Value<'a>) {
        self.values.push(value);
    }

    pub(super) fn mark(&mut self) {
        self.marks.push(self.values.len());
    }

    pub(super) fn top(&self) -> Result<Value<'a>, Reason> {
        self.above_mark().last().copied().ok_or_else(empty)
    }

    pub(super) fn pop(&mut self) -> Result<Value<'a>, Reason> {
        let top = self.top()?;
        self.values.pop();
        Ok(top)
    }

    /// The last `count` values, in the order they were pushed.
    pub(super) fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'a>>, Reason> {
        let found = self.above_mark().len();
        if found < count {
            return Err(format!("expected {count} values on the stack, found {found}"));
        }
        Ok(self.values.split_off(self.values.len() - count))
    }

    /// Everything above the last mark, and the mark.
    pub(super) fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, Reason> {
        let mark = self.marks.pop().ok_or("no MARK on the stack")?;
        Ok(self.values.split_off(mark))
    }

    fn above_mark(&self) -> &[Value<'a>] {
        &self.values[self.marks.last().copied().unwrap_or(0)..]
    }
}

fn empty() -> Reason {
    "the stack is empty".to_owned()
}
