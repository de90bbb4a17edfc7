//! Python values and a pickle writer (protocol 2, with a memo for strings), as far as `torch.save` goes.

use std::{
    collections::HashMap,
    io::{Cursor, Write},
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::network::Array;

/// A Python value.
#[derive(Clone, Debug)]
pub enum Py {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    List(Vec<Py>),
    Tuple(Vec<Py>),
    Dict(Vec<(Py, Py)>),
    OrderedDict(Vec<(Py, Py)>),
    Global(String),
    /// `class.__new__(class)` and its `__dict__`.
    Object(String, Box<Py>),
    /// `function(*arguments)`.
    Call(String, Vec<Py>),
    Tensor(Array, Stored),
    Parameter(Array, Stored),
    /// Any pickle bytes that leave one value on the stack.
    Raw(Vec<u8>),
}

/// How a tensor's elements are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stored {
    F16,
    BF16,
    F32,
    F64,
}

pub fn text(text: &str) -> Py {
    Py::Str(text.to_owned())
}

pub fn dict<const N: usize>(entries: [(&str, Py); N]) -> Py {
    Py::Dict(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

/// A pickle under construction, and the storages it refers to.
#[derive(Default)]
pub struct Pickler {
    pub bytes: Vec<u8>,
    pub storages: Vec<Vec<u8>>,
    memo: HashMap<String, u32>,
}

impl Pickler {
    pub fn dump(value: &Py) -> Self {
        let mut pickler = Self { bytes: b"\x80\x02".to_vec(), ..Self::default() };
        pickler.write(value);
        pickler.bytes.push(b'.');
        pickler
    }

    fn write(&mut self, value: &Py) {
        match value {
            Py::None => self.bytes.push(b'N'),
            Py::Bool(value) => self.bytes.push(if *value { 0x88 } else { 0x89 }),
            Py::Int(value) => self.int(*value),
            Py::Float(value) => {
                self.bytes.push(b'G');
                self.bytes.extend(value.to_be_bytes());
            }
            Py::Str(value) => self.text(value),
            Py::List(items) => {
                self.bytes.extend(b"](");
                items.iter().for_each(|item| self.write(item));
                self.bytes.push(b'e');
            }
            Py::Tuple(items) => {
                self.bytes.push(b'(');
                items.iter().for_each(|item| self.write(item));
                self.bytes.push(b't');
            }
            Py::Dict(entries) => {
                self.bytes.push(b'}');
                self.set_items(entries);
            }
            Py::OrderedDict(entries) => {
                self.bytes.extend(b"ccollections\nOrderedDict\n)R");
                self.set_items(entries);
            }
            Py::Global(path) => self.global(path),
            Py::Object(class, state) => {
                self.global(class);
                self.bytes.extend(b")\x81");
                self.write(state);
                self.bytes.push(b'b');
            }
            Py::Call(function, arguments) => {
                self.global(function);
                self.write(&Py::Tuple(arguments.clone()));
                self.bytes.push(b'R');
            }
            Py::Tensor(array, stored) => self.tensor(array, *stored),
            Py::Parameter(array, stored) => {
                self.global("torch._utils._rebuild_parameter");
                self.bytes.push(b'(');
                self.tensor(array, *stored);
                self.bytes.push(0x89);
                self.write(&Py::OrderedDict(Vec::new()));
                self.bytes.extend(b"tR");
            }
            Py::Raw(bytes) => self.bytes.extend(bytes),
        }
    }

    fn set_items(&mut self, entries: &[(Py, Py)]) {
        self.bytes.push(b'(');
        for (key, value) in entries {
            self.write(key);
            self.write(value);
        }
        self.bytes.push(b'u');
    }

    fn int(&mut self, value: i64) {
        if let Ok(value) = u8::try_from(value) {
            self.bytes.extend([b'K', value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.bytes.push(b'M');
            self.bytes.extend(value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.bytes.push(b'J');
            self.bytes.extend(value.to_le_bytes());
        } else {
            self.bytes.extend(b"\x8a\x08");
            self.bytes.extend(value.to_le_bytes());
        }
    }

    fn text(&mut self, value: &str) {
        if let Some(index) = self.memo.get(value) {
            self.bytes.push(b'j');
            self.bytes.extend(index.to_le_bytes());
            return;
        }
        self.bytes.push(b'X');
        self.bytes.extend((value.len() as u32).to_le_bytes());
        self.bytes.extend(value.as_bytes());
        let index = self.memo.len() as u32;
        self.bytes.push(b'r');
        self.bytes.extend(index.to_le_bytes());
        self.memo.insert(value.to_owned(), index);
    }

    fn global(&mut self, path: &str) {
        let (module, name) = path.rsplit_once('.').expect("a module and a name");
        self.bytes.extend(format!("c{module}\n{name}\n").as_bytes());
    }

    fn tensor(&mut self, array: &Array, stored: Stored) {
        let key = self.storages.len().to_string();
        let (class, bytes) = array.store(stored);
        self.storages.push(bytes);
        self.global("torch._utils._rebuild_tensor_v2");
        self.bytes.extend(b"((");
        self.text("storage");
        self.global(class);
        self.text(&key);
        self.text("cpu");
        self.int(array.storage.len() as i64);
        self.bytes.extend(b"tQ");
        self.int(array.offset as i64);
        for sizes in [&array.shape, &array.strides] {
            self.write(&Py::Tuple(sizes.iter().map(|size| Py::Int(*size as i64)).collect()));
        }
        self.bytes.push(0x89);
        self.write(&Py::OrderedDict(Vec::new()));
        self.bytes.extend(b"tR");
    }
}

/// A file of `torch.save`.
pub fn torch_file(value: &Py) -> Vec<u8> {
    let pickle = Pickler::dump(value);
    zip_file(&pickle.bytes, &pickle.storages, CompressionMethod::Stored)
}

/// The container of `torch.save` around any pickle.
pub fn zip_file(pickle: &[u8], storages: &[Vec<u8>], method: CompressionMethod) -> Vec<u8> {
    let mut entries = vec![("best/data.pkl".to_owned(), pickle.to_vec())];
    entries.push(("best/byteorder".to_owned(), b"little".to_vec()));
    let storages = storages.iter().enumerate();
    entries.extend(storages.map(|(key, bytes)| (format!("best/data/{key}"), bytes.clone())));
    entries.push(("best/version".to_owned(), b"3\n".to_vec()));
    zip_entries(&entries, method)
}

/// Any zip.
pub fn zip_entries(entries: &[(String, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in entries {
        zip.start_file(name.as_str(), options).expect("a fresh entry");
        zip.write_all(bytes).expect("memory takes everything");
    }
    zip.finish().expect("memory takes everything").into_inner()
}
