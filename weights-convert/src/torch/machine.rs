//! The pickle machine: opcodes of protocols 2 to 5 to a [`Pickle`], nothing executed.
//!
//! Protocols 0 and 1, and extension registries, never occur in checkpoints and are refused.

use std::collections::HashMap;

use super::{
    opcode::{self as op, PROTOCOLS},
    pickle::{Node, Pickle, Value},
    reader::{Reader, Reason},
    stack::Stack,
};
use crate::{
    error::Error,
    limits::{self, MAX_OPCODES},
};

/// Runs `bytes` to the STOP opcode.
pub(super) fn run(bytes: &[u8]) -> Result<Pickle<'_>, Error> {
    let mut machine = Machine {
        reader: Reader::new(bytes),
        stack: Stack::default(),
        memo: HashMap::new(),
        nodes: Vec::new(),
    };
    let mut executed = 0;
    loop {
        executed += 1;
        limits::check("opcodes of the pickle", executed, MAX_OPCODES)?;
        let offset = machine.reader.position();
        let Ok([opcode]) = machine.reader.array() else {
            return Err(Error::NoStop { offset });
        };
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
}

struct Machine<'a> {
    reader: Reader<'a>,
    stack: Stack<'a>,
    memo: HashMap<u32, Value<'a>>,
    nodes: Vec<Node<'a>>,
}

impl<'a> Machine<'a> {
    /// Executes one opcode; STOP gives the result.
    fn step(&mut self, opcode: u8) -> Result<Option<Value<'a>>, Reason> {
        match opcode {
            op::PROTO => {
                let [version] = self.reader.array()?;
                if !PROTOCOLS.contains(&version) {
                    return Err(format!("expected protocol 2 to 5, found {version}"));
                }
            }
            // Frames only group bytes for buffered readers.
            op::FRAME => drop(self.reader.array::<8>()?),
            op::STOP => return self.stack.pop().map(Some),

            op::MARK => self.stack.mark(),
            op::POP => drop(self.stack.pop()?),
            op::POP_MARK => drop(self.stack.pop_mark()?),
            op::DUP => self.stack.push(self.stack.top()?),

            op::NONE => self.stack.push(Value::None),
            op::NEWTRUE => self.stack.push(Value::Bool(true)),
            op::NEWFALSE => self.stack.push(Value::Bool(false)),
            op::BININT => {
                let value = i32::from_le_bytes(self.reader.array()?);
                self.stack.push(Value::Int(value.into()));
            }
            op::BININT1 => self.small_int(1)?,
            op::BININT2 => self.small_int(2)?,
            op::LONG1 => self.long(1)?,
            op::LONG4 => self.long(4)?,
            op::BINFLOAT => {
                let value = f64::from_be_bytes(self.reader.array()?);
                self.stack.push(Value::Float(value));
            }
            // The string opcodes are what Python 2 wrote for text.
            op::SHORT_BINUNICODE | op::SHORT_BINSTRING => self.text(1)?,
            op::BINUNICODE | op::BINSTRING => self.text(4)?,
            op::BINUNICODE8 => self.text(8)?,
            op::SHORT_BINBYTES => self.bytes(1)?,
            op::BINBYTES => self.bytes(4)?,
            op::BINBYTES8 | op::BYTEARRAY8 => self.bytes(8)?,

            op::EMPTY_TUPLE | op::EMPTY_LIST | op::EMPTY_SET => {
                self.push(Node::Sequence(Vec::new()));
            }
            op::EMPTY_DICT => self.push(Node::Dict(Vec::new())),
            op::TUPLE | op::LIST | op::FROZENSET => {
                let items = self.stack.pop_mark()?;
                self.push(Node::Sequence(items));
            }
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            op::DICT => {
                let items = self.stack.pop_mark()?;
                self.push(Node::Dict(pairs(&items)?));
            }
            op::APPEND => {
                let items = self.stack.pop_many(1)?;
                self.extend(items)?;
            }
            op::APPENDS | op::ADDITEMS => {
                let items = self.stack.pop_mark()?;
                self.extend(items)?;
            }
            op::SETITEM => {
                let items = self.stack.pop_many(2)?;
                self.set(&items)?;
            }
            op::SETITEMS => {
                let items = self.stack.pop_mark()?;
                self.set(&items)?;
            }

            op::GLOBAL => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                self.push(Node::Global { module, name });
            }
            op::STACK_GLOBAL => {
                let (Value::Text(name), Value::Text(module)) =
                    (self.stack.pop()?, self.stack.pop()?)
                else {
                    return Err("expected module and name as strings".to_owned());
                };
                self.push(Node::Global { module, name });
            }
            op::REDUCE | op::NEWOBJ => {
                let (arguments, callable) = (self.stack.pop()?, self.stack.pop()?);
                self.call(callable, arguments);
            }
            op::NEWOBJ_EX => {
                let (_keywords, arguments) = (self.stack.pop()?, self.stack.pop()?);
                let callable = self.stack.pop()?;
                self.call(callable, arguments);
            }
            op::BUILD => {
                let new_state = self.stack.pop()?;
                // A dictionary's attributes (a state dict's `_metadata`) say nothing about weights.
                if let Node::Object { state, .. } = self.top_node()? {
                    *state = new_state;
                }
            }
            op::BINPERSID => {
                let id = self.stack.pop()?;
                self.push(Node::Persistent(id));
            }

            op::BINPUT => self.memoize(1)?,
            op::LONG_BINPUT => self.memoize(4)?,
            op::MEMOIZE => {
                let index = self.memo.len() as u32;
                self.memo.insert(index, self.stack.top()?);
            }
            op::BINGET => self.recall(1)?,
            op::LONG_BINGET => self.recall(4)?,

            _ => return Err("unknown, or never written by torch".to_owned()),
        }
        Ok(None)
    }

    fn small_int(&mut self, width: usize) -> Result<(), Reason> {
        let value = self.reader.unsigned(width)?;
        self.stack.push(Value::Int(value as i64));
        Ok(())
    }

    fn long(&mut self, width: usize) -> Result<(), Reason> {
        let value = self.reader.long(width)?;
        self.stack.push(value.map_or(Value::Bytes, Value::Int));
        Ok(())
    }

    fn text(&mut self, width: usize) -> Result<(), Reason> {
        let text = self.reader.text(width)?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn bytes(&mut self, width: usize) -> Result<(), Reason> {
        self.reader.bytes(width)?;
        self.stack.push(Value::Bytes);
        Ok(())
    }

    fn tuple(&mut self, length: usize) -> Result<(), Reason> {
        let items = self.stack.pop_many(length)?;
        self.push(Node::Sequence(items));
        Ok(())
    }

    /// Records a call. `OrderedDict` is the one that is understood: a dictionary.
    fn call(&mut self, callable: Value<'a>, arguments: Value<'a>) {
        let is_dict = matches!(
            callable,
            Value::Node(index) if matches!(
                self.nodes[index as usize],
                Node::Global { module: "collections", name: "OrderedDict" }
            )
        );
        self.push(if is_dict {
            Node::Dict(Vec::new())
        } else {
            Node::Object {
                callable,
                arguments,
                state: Value::None,
            }
        });
    }

    /// Appends to the list on the stack; what inert objects collect is dropped.
    fn extend(&mut self, items: Vec<Value<'a>>) -> Result<(), Reason> {
        match self.top_node()? {
            Node::Sequence(list) => list.extend(items),
            Node::Object { .. } => {}
            _ => return Err("expected a list on the stack".to_owned()),
        }
        Ok(())
    }

    /// Adds entries to the dictionary on the stack; what inert objects collect is dropped.
    fn set(&mut self, items: &[Value<'a>]) -> Result<(), Reason> {
        let new_entries = pairs(items)?;
        match self.top_node()? {
            Node::Dict(entries) => entries.extend(new_entries),
            Node::Object { .. } => {}
            _ => return Err("expected a dict on the stack".to_owned()),
        }
        Ok(())
    }

    fn memoize(&mut self, width: usize) -> Result<(), Reason> {
        let index = self.reader.unsigned(width)? as u32;
        self.memo.insert(index, self.stack.top()?);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), Reason> {
        let index = self.reader.unsigned(width)? as u32;
        let value = self
            .memo
            .get(&index)
            .ok_or_else(|| format!("no memo {index}"))?;
        self.stack.push(*value);
        Ok(())
    }

    fn push(&mut self, node: Node<'a>) {
        // At most MAX_OPCODES, so the index fits.
        self.stack.push(Value::Node(self.nodes.len() as u32));
        self.nodes.push(node);
    }

    fn top_node(&mut self) -> Result<&mut Node<'a>, Reason> {
        match self.stack.top()? {
            Value::Node(index) => Ok(&mut self.nodes[index as usize]),
            _ => Err("expected an object on the stack, found a plain value".to_owned()),
        }
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
