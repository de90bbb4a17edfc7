//! What a pickle describes, as data: a graph of inert objects in one arena.
//!
//! Nothing in the file is imported or called. A class is a name, a call is a record of its callable and arguments. Objects
//! refer to each other by index, so cycles and deep nesting cost nothing to drop.

use crate::error::printable;

/// A value: plain, or the index of a [`Node`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    /// Byte strings and integers beyond 64 bits; nothing here reads them.
    Bytes,
    Node(u32),
}

/// What other values may refer to.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// Lists, tuples and sets.
    Sequence(Vec<Value<'a>>),
    /// `dict` and `OrderedDict`, in insertion order; if keys are equal, the last one counts.
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// A class or function, by name.
    Global { module: &'a str, name: &'a str },
    /// The result of a call that was not made.
    Object { callable: Value<'a>, arguments: Value<'a>, state: Value<'a> },
    /// Something that torch stores outside the pickle.
    Persistent(Value<'a>),
}

/// A parsed pickle.
pub(crate) struct Pickle<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) root: Value<'a>,
}

impl<'a> Pickle<'a> {
    pub(crate) fn node(&self, value: Value<'a>) -> Option<&Node<'a>> {
        match value {
            Value::Node(index) => self.nodes.get(index as usize),
            _ => None,
        }
    }

    /// Lists, tuples and sets.
    pub(crate) fn sequence(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match self.node(value)? {
            Node::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a dictionary.
    pub(crate) fn entries(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        match self.node(value)? {
            Node::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entries of a dictionary, or the attributes of an object.
    pub(crate) fn fields(&self, value: Value<'a>) -> &[(Value<'a>, Value<'a>)] {
        let fields = match self.node(value) {
            Some(Node::Object { state, .. }) => self.entries(*state),
            _ => self.entries(value),
        };
        fields.unwrap_or_default()
    }

    /// The entry or attribute `key`; `None` counts as absent.
    pub(crate) fn get(&self, value: Value<'a>, key: &str) -> Option<Value<'a>> {
        let mut fields = self.fields(value).iter();
        let (_, found) = fields.rfind(|(name, _)| *name == Value::Text(key))?;
        (*found != Value::None).then_some(*found)
    }

    /// Module and name of a class or function.
    pub(crate) fn global(&self, value: Value<'a>) -> Option<(&'a str, &'a str)> {
        match self.node(value)? {
            Node::Global { module, name } => Some((module, name)),
            _ => None,
        }
    }

    /// Module and name of the class or function that an object records, and the arguments.
    pub(crate) fn call(&self, value: Value<'a>) -> Option<((&'a str, &'a str), &[Value<'a>])> {
        match self.node(value)? {
            Node::Object { callable, arguments, .. } => Some((self.global(*callable)?, self.sequence(*arguments)?)),
            _ => None,
        }
    }

    /// An object's class without its package.
    pub(crate) fn class(&self, value: Value<'a>) -> Option<&'a str> {
        self.call(value).map(|((_, name), _)| name)
    }

    /// What a value is, for messages.
    pub(crate) fn describe(&self, value: Value<'a>) -> String {
        match value {
            Value::None => "None".to_owned(),
            Value::Bool(_) => "a bool".to_owned(),
            Value::Int(_) => "an int".to_owned(),
            Value::Float(_) => "a float".to_owned(),
            Value::Text(_) => "a string".to_owned(),
            Value::Bytes => "bytes".to_owned(),
            Value::Node(_) => match (self.node(value), self.call(value)) {
                (_, Some(((module, name), _))) => printable(&format!("{module}.{name}")),
                (Some(Node::Sequence(items)), _) => format!("a sequence of {}", items.len()),
                (Some(Node::Dict(entries)), _) => format!("a dict of {}", entries.len()),
                (Some(Node::Global { module, name }), _) => printable(&format!("{module}.{name}")),
                _ => "an object".to_owned(),
            },
        }
    }
}
