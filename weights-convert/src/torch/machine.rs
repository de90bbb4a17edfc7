//! The pickle machine: opcodes of protocols 2 to 5 to a [`Pickle`], nothing executed.
//!
//! Lengths are checked against the bytes that are left before anything is taken; strings stay slices of
//! the file. Protocols 0 and 1, and extension registries, never occur in checkpoints and are refused.

use std::collections::HashMap;

use super::{
    opcode::{self as op, PROTOCOLS},
    pickle::{Node, Pickle, Value},
};
use crate::{
    error::Error,
    limits::{self, MAX_OPCODES},
};

/// Runs `bytes` to the STOP opcode.
pub(crate) fn run(bytes: &[u8]) -> Result<Pickle<'_>, Error> {
    let mut machine = Machine {
        bytes,
        position: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        nodes: Vec::new(),
    };
    for count in 1.. {
        limits::check("opcodes of the pickle", count, MAX_OPCODES)?;
        let offset = machine.position;
        let opcode = *bytes.get(offset).ok_or(Error::Opcode {
            opcode: 0,
            offset,
            reason: "the pickle ends without STOP".to_owned(),
        })?;
        machine.position += 1;
        let done = machine.step(opcode).map_err(|reason| Error::Opcode {
            opcode,
            offset,
            reason,
        })?;
        if let Some(root) = done {
            return Ok(Pickle {
                nodes: machine.nodes,
                root,
            });
        }
    }
    unreachable!("the loop ends at STOP or at the limit")
}

/// Why an opcode failed; [`run`] adds which and where.
type Reason = String;

struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at which MARK stood.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    nodes: Vec<Node<'a>>,
}

impl<'a> Machine<'a> {
    /// Executes one opcode; STOP gives the result.
    fn step(&mut self, opcode: u8) -> Result<Option<Value<'a>>, Reason> {
        match opcode {
            op::PROTO => {
                let [version] = self.array()?;
                if !PROTOCOLS.contains(&version) {
                    return Err(format!("expected protocol 2 to 5, found {version}"));
                }
            }
            // Frames only group bytes for buffered readers.
            op::FRAME => drop(self.array::<8>()?),
            op::STOP => return self.pop().map(Some),

            op::MARK => self.marks.push(self.stack.len()),
            op::POP => drop(self.pop()?),
            op::POP_MARK => drop(self.pop_mark()?),
            op::DUP => {
                let top = self.top()?;
                self.stack.push(top);
            }

            op::NONE => self.stack.push(Value::None),
            op::NEWTRUE => self.stack.push(Value::Bool(true)),
            op::NEWFALSE => self.stack.push(Value::Bool(false)),
            op::BININT => {
                let value = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(value.into()));
            }
            op::BININT1 | op::BININT2 => {
                let length = if opcode == op::BININT1 { 1 } else { 2 };
                let value = self.length(length)?;
                self.stack.push(Value::Int(value as i64));
            }
            op::LONG1 => self.long(1)?,
            op::LONG4 => self.long(4)?,
            op::BINFLOAT => {
                let value = f64::from_be_bytes(self.array()?);
                self.stack.push(Value::Float(value));
            }
            op::BINUNICODE => self.text(4)?,
            op::SHORT_BINUNICODE => self.text(1)?,
            op::BINUNICODE8 => self.text(8)?,
            // Python 2's `str`: text in checkpoints that it wrote.
            op::SHORT_BINSTRING => self.text(1)?,
            op::BINSTRING => self.text(4)?,
            op::SHORT_BINBYTES => self.skip_bytes(1)?,
            op::BINBYTES => self.skip_bytes(4)?,
            op::BINBYTES8 | op::BYTEARRAY8 => self.skip_bytes(8)?,

            op::EMPTY_TUPLE | op::EMPTY_LIST | op::EMPTY_SET => {
                self.push(Node::Sequence(Vec::new()))?
            }
            op::EMPTY_DICT => self.push(Node::Dict(Vec::new()))?,
            op::TUPLE | op::LIST | op::FROZENSET => {
                let items = self.pop_mark()?;
                self.push(Node::Sequence(items))?;
            }
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let items = self.pop_many(usize::from(opcode - op::TUPLE1) + 1)?;
                self.push(Node::Sequence(items))?;
            }
            op::DICT => {
                let items = self.pop_mark()?;
                let entries = pairs(&items)?;
                self.push(Node::Dict(entries))?;
            }
            op::APPEND => {
                let items = self.pop_many(1)?;
                self.extend(items)?;
            }
            op::APPENDS | op::ADDITEMS => {
                let items = self.pop_mark()?;
                self.extend(items)?;
            }
            op::SETITEM => {
                let items = self.pop_many(2)?;
                self.set(&items)?;
            }
            op::SETITEMS => {
                let items = self.pop_mark()?;
                self.set(&items)?;
            }

            op::GLOBAL => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Node::Global { module, name })?;
            }
            op::STACK_GLOBAL => {
                let (Value::Text(name), Value::Text(module)) = (self.pop()?, self.pop()?) else {
                    return Err("expected module and name as strings".to_owned());
                };
                self.push(Node::Global { module, name })?;
            }
            op::REDUCE | op::NEWOBJ => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments)?;
            }
            op::NEWOBJ_EX => {
                let (_keywords, arguments, callable) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callable, arguments)?;
            }
            op::BUILD => {
                let new_state = self.pop()?;
                // A dictionary's attributes (a state dict's `_metadata`) say nothing about weights.
                if let Some(Node::Object { state, .. }) = self.top_node()? {
                    *state = new_state;
                }
            }
            op::BINPERSID => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))?;
            }

            op::BINPUT => self.put(1)?,
            op::LONG_BINPUT => self.put(4)?,
            op::MEMOIZE => {
                let top = self.top()?;
                self.memo.insert(self.memo.len() as u32, top);
            }
            op::BINGET => self.recall(1)?,
            op::LONG_BINGET => self.recall(4)?,

            _ => return Err("unknown, or never written by torch".to_owned()),
        }
        Ok(None)
    }

    /// Records a call. `OrderedDict` is the one that is understood: a dictionary.
    fn call(&mut self, callable: Value<'a>, arguments: Value<'a>) -> Result<(), Reason> {
        let callable_node = self.node(callable);
        if let Some(Node::Global {
            module: "collections",
            name: "OrderedDict",
        }) = callable_node
        {
            return self.push(Node::Dict(Vec::new()));
        }
        self.push(Node::Object {
            callable,
            arguments,
            state: Value::None,
        })
    }

    fn node(&self, value: Value<'a>) -> Option<&Node<'a>> {
        match value {
            Value::Node(index) => self.nodes.get(index as usize),
            _ => None,
        }
    }

    fn push(&mut self, node: Node<'a>) -> Result<(), Reason> {
        let index = u32::try_from(self.nodes.len()).map_err(|_| "too many objects".to_owned())?;
        self.nodes.push(node);
        self.stack.push(Value::Node(index));
        Ok(())
    }

    /// Values above the last mark belong to it; nothing below may be taken before it is closed.
    fn pop(&mut self) -> Result<Value<'a>, Reason> {
        if self.stack.len() == self.marks.last().copied().unwrap_or(0) {
            return Err("the stack is empty".to_owned());
        }
        self.stack
            .pop()
            .ok_or_else(|| "the stack is empty".to_owned())
    }

    fn top(&self) -> Result<Value<'a>, Reason> {
        self.stack
            .last()
            .copied()
            .ok_or_else(|| "the stack is empty".to_owned())
    }

    fn top_node(&mut self) -> Result<Option<&mut Node<'a>>, Reason> {
        match self.top()? {
            Value::Node(index) => Ok(self.nodes.get_mut(index as usize)),
            _ => Err("expected an object on the stack, found a plain value".to_owned()),
        }
    }

    /// The last `count` values, in the order they were pushed.
    fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'a>>, Reason> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() < floor + count {
            return Err(format!(
                "expected {count} values on the stack, found {}",
                self.stack.len() - floor
            ));
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    /// Everything above the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Value<'a>>, Reason> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| "no MARK on the stack".to_owned())?;
        Ok(self.stack.split_off(mark))
    }

    /// Appends to the list on the stack; what inert objects collect is dropped.
    fn extend(&mut self, items: Vec<Value<'a>>) -> Result<(), Reason> {
        match self.top_node()? {
            Some(Node::Sequence(list)) => list.extend(items),
            Some(Node::Object { .. }) => {}
            _ => return Err("expected a list on the stack".to_owned()),
        }
        Ok(())
    }

    /// Adds entries to the dictionary on the stack; what inert objects collect is dropped.
    fn set(&mut self, items: &[Value<'a>]) -> Result<(), Reason> {
        let new_entries = pairs(items)?;
        match self.top_node()? {
            Some(Node::Dict(entries)) => entries.extend(new_entries),
            Some(Node::Object { .. }) => {}
            _ => return Err("expected a dict on the stack".to_owned()),
        }
        Ok(())
    }

    fn put(&mut self, width: usize) -> Result<(), Reason> {
        let index = self.length(width)? as u32;
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), Reason> {
        let index = self.length(width)? as u32;
        let value = *self
            .memo
            .get(&index)
            .ok_or_else(|| format!("no memo {index}"))?;
        self.stack.push(value);
        Ok(())
    }

    fn text(&mut self, width: usize) -> Result<(), Reason> {
        let length = self.length(width)?;
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes)
            .map_err(|error| format!("a string is not UTF-8: {error}"))?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn skip_bytes(&mut self, width: usize) -> Result<(), Reason> {
        let length = self.length(width)?;
        self.take(length)?;
        self.stack.push(Value::Bytes);
        Ok(())
    }

    /// A little-endian two's complement integer of any length.
    fn long(&mut self, width: usize) -> Result<(), Reason> {
        let length = self.length(width)?;
        let bytes = self.take(length)?;
        let sign = if bytes.last().is_some_and(|byte| *byte >= 0x80) {
            0xff
        } else {
            0
        };
        let mut extended = [sign; 8];
        let value = match extended.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(extended))
            }
            None => Value::Bytes,
        };
        self.stack.push(value);
        Ok(())
    }

    /// An unsigned little-endian integer of `width` bytes.
    fn length(&mut self, width: usize) -> Result<u64, Reason> {
        let mut extended = [0; 8];
        extended[..width].copy_from_slice(self.take(width as u64)?);
        Ok(u64::from_le_bytes(extended))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let bytes = self.take(N as u64)?;
        Ok(bytes
            .try_into()
            .expect("take gives as many bytes as asked for"))
    }

    /// The next `length` bytes, if there are so many.
    fn take(&mut self, length: u64) -> Result<&'a [u8], Reason> {
        let rest = &self.bytes[self.position..];
        if length > rest.len() as u64 {
            return Err(format!(
                "truncated: needs {length} bytes, {} left",
                rest.len()
            ));
        }
        self.position += length as usize;
        Ok(&rest[..length as usize])
    }

    /// Text up to the next line feed.
    fn line(&mut self) -> Result<&'a str, Reason> {
        let rest = &self.bytes[self.position..];
        let length = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or("truncated: a name has no end")?;
        self.position += length + 1;
        std::str::from_utf8(&rest[..length])
            .map_err(|error| format!("a name is not UTF-8: {error}"))
    }
}

/// Keys and values that alternate.
fn pairs<'a>(items: &[Value<'a>]) -> Result<Vec<(Value<'a>, Value<'a>)>, Reason> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(format!(
            "expected keys and values in pairs, found {} items",
            items.len()
        ));
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}
