//! The pickle machine: turns opcodes of protocols 2 to 5 into a [`Pickle`]; nothing is executed.
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
pub(crate) fn unpickle(bytes: &[u8]) -> Result<Pickle<'_>, Error> {
    let mut machine =
        Machine { reader: Reader::new(bytes), stack: Stack::default(), memo: HashMap::new(), nodes: Vec::new() };
    let mut executed = 0;
    loop {
        executed += 1;
        limits::check("opcodes of the pickle", executed, MAX_OPCODES)?;
        let offset = machine.reader.position();
        let Ok([opcode]) = machine.reader.array() else {
            return Err(Error::NoStop { offset });
        };
        let done = machine.step(opcode).map_err(|reason| Error::Opcode { opcode, offset, reason })?;
        if let Some(root) = done {
            return Ok(Pickle { nodes: machine.nodes, root });
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
    /// Executes one opcode; STOP returns the result.
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
                let (Value::Text(name), Value::Text(module)) = (self.stack.pop()?, self.stack.pop()?) else {
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

    /// Records a call. Only `OrderedDict` is understood, as a dictionary.
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
            Node::Object { callable, arguments, state: Value::None }
        });
    }

    /// Appends to the list on the stack; what is appended to an inert object is dropped.
    fn extend(&mut self, items: Vec<Value<'a>>) -> Result<(), Reason> {
        match self.top_node()? {
            Node::Sequence(list) => list.extend(items),
            Node::Object { .. } => {}
            _ => return Err("expected a list on the stack".to_owned()),
        }
        Ok(())
    }

    /// Adds entries to the dictionary on the stack; what is added to an inert object is dropped.
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
        let value = self.memo.get(&index).ok_or_else(|| format!("no memo {index}"))?;
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

/// Pairs of alternating keys and values.
fn pairs<'a>(items: &[Value<'a>]) -> Result<Vec<(Value<'a>, Value<'a>)>, Reason> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(format!("expected keys and values in pairs, found {} items", items.len()));
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of a pickle, written as Python would.
    fn result(pickle: &[u8]) -> String {
        let pickle = unpickle(pickle).expect("a sound pickle");
        shown(&pickle, pickle.root)
    }

    fn shown(pickle: &Pickle<'_>, value: Value<'_>) -> String {
        let list = |items: &[Value<'_>]| items.iter().map(|item| shown(pickle, *item)).collect::<Vec<_>>().join(", ");
        match pickle.node(value) {
            None => format!("{value:?}"),
            Some(Node::Sequence(items)) => format!("[{}]", list(items)),
            Some(Node::Dict(entries)) => {
                let entry = |(key, value): &(_, _)| format!("{}: {}", shown(pickle, *key), shown(pickle, *value));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            Some(Node::Global { module, name }) => format!("{module}.{name}"),
            Some(Node::Object { callable, arguments, state }) => {
                format!("{}({}) {}", shown(pickle, *callable), shown(pickle, *arguments), shown(pickle, *state))
            }
            Some(Node::Persistent(id)) => format!("storage {}", shown(pickle, *id)),
        }
    }

    #[test]
    fn every_opcode_gives_what_python_gives() {
        // Checked against Python's `pickle.loads`, classes and storages aside.
        let cases: [(&[u8], &str); 29] = [
            (b"\x80\x02N.", "None"),
            (b"\x88.", "Bool(true)"),
            (b"\x89.", "Bool(false)"),
            (b"K\xff.", "Int(255)"),
            (b"M\x01\x02.", "Int(513)"),
            (b"J\xfe\xff\xff\xff.", "Int(-2)"),
            (b"\x8a\x00.", "Int(0)"),
            (b"\x8a\x01\xff.", "Int(-1)"),
            (b"\x8a\x09\0\0\0\0\0\0\0\0\x01.", "Bytes"),
            (b"\x8b\x02\0\0\0\0\x80.", "Int(-32768)"),
            (b"G\x3f\xf8\0\0\0\0\0\0.", "Float(1.5)"),
            (b"X\x02\0\0\0\xc3\xa9.", "Text(\"\u{e9}\")"),
            (b"\x8c\x01a.", "Text(\"a\")"),
            (b"\x8d\x01\0\0\0\0\0\0\0a.", "Text(\"a\")"),
            (b"U\x01aT\x01\0\0\0b\x86.", "[Text(\"a\"), Text(\"b\")]"),
            (b"C\x01aB\x01\0\0\0b\x96\x01\0\0\0\0\0\0\0c\x87.", "[Bytes, Bytes, Bytes]"),
            (b"(K\x01K\x02t.", "[Int(1), Int(2)]"),
            (b"(K\x01l.", "[Int(1)]"),
            (b"])\x85.", "[[]]"),
            (b"]K\x01a(K\x02K\x03e.", "[Int(1), Int(2), Int(3)]"),
            (b"\x8f(K\x01\x90(K\x02\x91\x86.", "[[Int(1)], [Int(2)]]"),
            (b"}K\x01Ns(K\x02Nu.", "{Int(1): None, Int(2): None}"),
            (b"(K\x01Nd.", "{Int(1): None}"),
            (b"]q\x05K\x07ah\x05\x86.", "[[Int(7)], [Int(7)]]"),
            (b"\x80\x04\x95\0\0\0\0\0\0\0\0K\x03\x94r\0\x01\0\0j\0\x01\0\0h\0\x87.", "[Int(3), Int(3), Int(3)]"),
            (b"K\x01K\x022(N10.", "Int(2)"),
            (b"ca\nB\n)\x81}K\x01Nsb.", "a.B([]) {Int(1): None}"),
            (b"\x8c\x01a\x8c\x01B\x93)}\x92(K\x01e.", "a.B([]) None"),
            (b"ccollections\nOrderedDict\n)R(K\x01Nu}bK\x01Q\x86.", "[{Int(1): None}, storage Int(1)]"),
        ];
        for (pickle, expected) in cases {
            assert_eq!(result(pickle), expected, "{}", pickle.escape_ascii());
        }
    }

    #[test]
    fn a_failing_opcode_is_named_with_its_offset() {
        let cases: [(&[u8], &str); 24] = [
            (b"", "truncated: the pickle ends at offset 0 without STOP"),
            (b"N", "truncated: the pickle ends at offset 1 without STOP"),
            (b".", "opcode 0x2e at offset 0: the stack is empty"),
            (b"\x80\x01N.", "opcode 0x80 at offset 0: expected protocol 2 to 5, found 1"),
            (b"\x80", "opcode 0x80 at offset 0: truncated: needs 1 bytes, 0 left"),
            (b"NI1\n.", "opcode 0x49 at offset 1: unknown, or never written by torch"),
            (b"X\xff\xff\xff\xffab", "opcode 0x58 at offset 0: truncated: needs 4294967295 bytes, 2 left"),
            (b"\x8c\x01\xff.", "opcode 0x8c at offset 0: not UTF-8: invalid utf-8 sequence of 1 bytes from index 0"),
            (b"cos\nsystem", "opcode 0x63 at offset 0: truncated: a name without end"),
            (b"K\x01K\x02\x93.", "opcode 0x93 at offset 4: expected module and name as strings"),
            (b"N0N(0.", "opcode 0x30 at offset 4: the stack is empty"),
            (b"NN(R.", "opcode 0x52 at offset 3: the stack is empty"),
            (b"2.", "opcode 0x32 at offset 0: the stack is empty"),
            (b"t.", "opcode 0x74 at offset 0: no MARK on the stack"),
            (b"N\x86.", "opcode 0x86 at offset 1: expected 2 values on the stack, found 1"),
            (b"(Nd.", "opcode 0x64 at offset 2: expected keys and values in pairs, found 1 items"),
            (b"](Nu.", "opcode 0x75 at offset 3: expected keys and values in pairs, found 1 items"),
            (b"]NNs.", "opcode 0x73 at offset 3: expected a dict on the stack"),
            (b"}Na.", "opcode 0x61 at offset 2: expected a list on the stack"),
            (b"NNa.", "opcode 0x61 at offset 2: expected an object on the stack, found a plain value"),
            (b"N}b.", "opcode 0x62 at offset 2: expected an object on the stack, found a plain value"),
            (b"h\x07.", "opcode 0x68 at offset 0: no memo 7"),
            (b"q\x07.", "opcode 0x71 at offset 0: the stack is empty"),
            (b"Q.", "opcode 0x51 at offset 0: the stack is empty"),
        ];
        for (pickle, expected) in cases {
            let error = unpickle(pickle).err().expect("a broken pickle");
            assert_eq!(error.to_string(), expected, "{}", pickle.escape_ascii());
        }
    }

    #[test]
    fn objects_may_contain_themselves() {
        let pickle = unpickle(b"]q\x00h\x00a.").expect("a list that holds itself");
        assert_eq!(pickle.sequence(pickle.root), Some(&[pickle.root][..]));
    }

    #[test]
    fn nesting_costs_no_stack() {
        let deep: Vec<u8> = [b")".to_vec(), b"\x85".repeat(500_000), b".".to_vec()].concat();
        assert_eq!(unpickle(&deep).expect("a deep tuple").nodes.len(), 500_001);
    }
}
