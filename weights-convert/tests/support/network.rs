//! YOLOv10 as PyTorch pickles it: a tree of modules with the reference's names and classes.

use half::{bf16, f16};

use super::pickle::{Py, Stored};

/// A tensor: a strided view of a storage.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
    pub offset: usize,
    pub storage: Vec<f64>,
    /// Stored as 64-bit integers whatever the weights are.
    pub is_integer: bool,
}

impl Array {
    pub fn new(shape: &[usize], storage: Vec<f64>) -> Self {
        let strides = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        Self { shape: shape.to_vec(), strides, offset: 0, storage, is_integer: false }
    }

    /// The class of the storage, and its bytes.
    pub fn store(&self, stored: Stored) -> (&'static str, Vec<u8>) {
        let values = self.storage.iter();
        if self.is_integer {
            return ("torch.LongStorage", values.flat_map(|value| (*value as i64).to_le_bytes()).collect());
        }
        match stored {
            Stored::F16 => {
                ("torch.HalfStorage", values.flat_map(|value| f16::from_f64(*value).to_le_bytes()).collect())
            }
            Stored::BF16 => {
                ("torch.BFloat16Storage", values.flat_map(|value| bf16::from_f64(*value).to_le_bytes()).collect())
            }
            Stored::F32 => ("torch.FloatStorage", values.flat_map(|value| (*value as f32).to_le_bytes()).collect()),
            Stored::F64 => ("torch.DoubleStorage", values.flat_map(|value| value.to_le_bytes()).collect()),
        }
    }
}

/// A `torch.nn.Module`.
#[derive(Clone, Debug, Default)]
pub struct Module {
    pub class: String,
    pub attributes: Vec<(String, Py)>,
    pub parameters: Vec<(String, Array)>,
    pub buffers: Vec<(String, Array)>,
    pub children: Vec<(String, Module)>,
}

impl Module {
    pub fn new(class: &str) -> Self {
        Self { class: class.to_owned(), ..Self::default() }
    }

    fn child(mut self, name: &str, module: Module) -> Self {
        self.children.push((name.to_owned(), module));
        self
    }

    pub fn attribute(mut self, name: &str, value: Py) -> Self {
        self.attributes.push((name.to_owned(), value));
        self
    }

    fn sequential(class: &str, children: impl IntoIterator<Item = Module>) -> Self {
        let children = children.into_iter().enumerate();
        let children = children.map(|(index, module)| (index.to_string(), module)).collect();
        Self { children, ..Self::new(class) }
    }

    /// The module at a dotted path.
    pub fn at(&mut self, path: &str) -> &mut Module {
        path.split('.').fold(self, |module, name| {
            let found = module.children.iter_mut().find(|(child, _)| child == name);
            &mut found.unwrap_or_else(|| panic!("no {name} on the way to {path}")).1
        })
    }

    /// The parameter or buffer at a dotted path.
    pub fn tensor(&mut self, path: &str) -> &mut Array {
        let (module, name) = path.rsplit_once('.').expect("a module and a tensor");
        let module = self.at(module);
        let mut held = module.parameters.iter_mut().chain(&mut module.buffers);
        &mut held.find(|(tensor, _)| tensor == name).unwrap_or_else(|| panic!("no {path}")).1
    }

    /// Every tensor with its dotted path, as `state_dict` gives them.
    pub fn tensors(&self) -> Vec<(String, Array)> {
        let mut tensors: Vec<_> = self.parameters.iter().chain(&self.buffers).cloned().collect();
        for (name, child) in &self.children {
            tensors.extend(child.tensors().into_iter().map(|(path, array)| (format!("{name}.{path}"), array)));
        }
        tensors
    }

    /// The pickled object.
    pub fn pickle(&self, stored: Stored) -> Py {
        let table = |entries: Vec<(Py, Py)>| Py::OrderedDict(entries);
        let key = |name: &String| Py::Str(name.clone());
        let mut parameters: Vec<_> =
            self.parameters.iter().map(|(name, array)| (key(name), Py::Parameter(array.clone(), stored))).collect();
        if self.class.ends_with("Conv2d") && parameters.len() == 1 {
            parameters.push((Py::Str("bias".to_owned()), Py::None));
        }
        let buffers = self.buffers.iter().map(|(name, array)| (key(name), Py::Tensor(array.clone(), stored))).collect();
        let children = self.children.iter().map(|(name, child)| (key(name), child.pickle(stored))).collect();
        let set = Py::Call("__builtin__.set".to_owned(), vec![Py::List(Vec::new())]);
        let mut state = vec![
            (Py::Str("training".to_owned()), Py::Bool(false)),
            (Py::Str("_parameters".to_owned()), table(parameters)),
            (Py::Str("_buffers".to_owned()), table(buffers)),
            (Py::Str("_non_persistent_buffers_set".to_owned()), set),
            (Py::Str("_modules".to_owned()), table(children)),
        ];
        state.extend(self.attributes.iter().map(|(name, value)| (key(name), value.clone())));
        Py::Object(self.class.clone(), Box::new(Py::Dict(state)))
    }
}

/// What a variant's bottlenecks are, by layer 2, 4, 6, 8, 13, 16, 19, 22: plain, C(IB), L(arge kernel);
/// and how many there are in layers 2, 8, 13 and on; twice as many in 4 and 6.
pub const TOPOLOGIES: [(&str, &str, usize); 6] = [
    ("n", "PPPPPPPL", 1),
    ("s", "PPPLPPPL", 1),
    ("m", "PPPCPPCC", 2),
    ("b", "PPPCCPCC", 2),
    ("l", "PPPCCPCC", 3),
    ("x", "PPCCCPCC", 3),
];

/// Makes modules whose values differ from tensor to tensor, all on a grid that bf16 holds exactly.
pub struct Builder {
    seed: u64,
    /// Channels of the reference's table to channels of this network.
    width: Box<dyn Fn(usize) -> usize>,
    classes: usize,
}

impl Builder {
    /// A sixteenth of the table's channels.
    pub fn tiny(classes: usize) -> Self {
        Self { seed: 1, width: Box::new(|channels| channels / 16), classes }
    }

    pub fn with_width(classes: usize, width: impl Fn(usize) -> usize + 'static) -> Self {
        Self { seed: 1, width: Box::new(width), classes }
    }

    fn values(&mut self, count: usize) -> Vec<f64> {
        (0..count)
            .map(|_| {
                // Knuth's MMIX generator; the high bits are the good ones.
                self.seed = self.seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                ((self.seed >> 57) as f64 - 64.0) / 64.0
            })
            .collect()
    }

    fn array(&mut self, shape: &[usize]) -> Array {
        let values = self.values(shape.iter().product());
        Array::new(shape, values)
    }

    fn conv2d(&mut self, shape: [usize; 4], has_bias: bool) -> Module {
        let mut module = Module::new("torch.nn.modules.conv.Conv2d");
        module.parameters.push(("weight".to_owned(), self.array(&shape)));
        if has_bias {
            module.parameters.push(("bias".to_owned(), self.array(&shape[..1])));
        }
        module
    }

    fn batch_norm(&mut self, channels: usize) -> Module {
        let mut module = Module::new("torch.nn.modules.batchnorm.BatchNorm2d").attribute("eps", Py::Float(1e-3));
        module.parameters.push(("weight".to_owned(), self.array(&[channels])));
        module.parameters.push(("bias".to_owned(), self.array(&[channels])));
        module.buffers.push(("running_mean".to_owned(), self.array(&[channels])));
        // Variances are positive: 1 to 2.
        let variance = self.values(channels).iter().map(|value| 1.0 + value.abs() * 63.0 / 64.0).collect::<Vec<_>>();
        let variance = variance.iter().map(|value| (value * 64.0).round() / 64.0).collect();
        module.buffers.push(("running_var".to_owned(), Array::new(&[channels], variance)));
        let counter = Array { is_integer: true, ..Array::new(&[], vec![7.0]) };
        module.buffers.push(("num_batches_tracked".to_owned(), counter));
        module
    }

    fn conv_with(&mut self, shape: [usize; 4], activation: &str) -> Module {
        Module::new("ultralytics.nn.modules.conv.Conv")
            .child("conv", self.conv2d(shape, false))
            .child("bn", self.batch_norm(shape[0]))
            .child("act", Module::new(activation))
    }

    fn conv(&mut self, inputs: usize, outputs: usize, kernel: usize) -> Module {
        self.conv_with([outputs, inputs, kernel, kernel], SILU)
    }

    fn depthwise(&mut self, channels: usize, kernel: usize) -> Module {
        self.conv_with([channels, 1, kernel, kernel], SILU)
    }

    fn bottleneck(&mut self, channels: usize, style: char, shortcut: bool) -> Module {
        if style == 'P' {
            return block("Bottleneck")
                .child("cv1", self.conv(channels, channels, 3))
                .child("cv2", self.conv(channels, channels, 3))
                .attribute("add", Py::Bool(shortcut));
        }
        let middle = if style == 'L' {
            block("RepVGGDW")
                .child("conv", self.conv_with([2 * channels, 1, 7, 7], IDENTITY))
                .child("conv1", self.conv_with([2 * channels, 1, 3, 3], IDENTITY))
                .child("act", Module::new(SILU))
        } else {
            self.depthwise(2 * channels, 3)
        };
        let parts = [
            self.depthwise(channels, 3),
            self.conv(channels, 2 * channels, 1),
            middle,
            self.conv(2 * channels, channels, 1),
            self.depthwise(channels, 3),
        ];
        block("CIB").child("cv1", Module::sequential(SEQUENTIAL, parts)).attribute("add", Py::Bool(true))
    }

    fn c2f(&mut self, inputs: usize, outputs: usize, style: char, count: usize, shortcut: bool) -> Module {
        let hidden = outputs / 2;
        let blocks: Vec<Module> = (0..count).map(|_| self.bottleneck(hidden, style, shortcut)).collect();
        block(if style == 'P' { "C2f" } else { "C2fCIB" })
            .child("cv1", self.conv(inputs, 2 * hidden, 1))
            .child("cv2", self.conv((2 + count) * hidden, outputs, 1))
            .child("m", Module::sequential("torch.nn.modules.container.ModuleList", blocks))
    }

    fn sc_down(&mut self, inputs: usize, outputs: usize) -> Module {
        block("SCDown")
            .child("cv1", self.conv(inputs, outputs, 1))
            .child("cv2", self.conv_with([outputs, 1, 3, 3], IDENTITY))
    }

    fn psa(&mut self, channels: usize) -> Module {
        let c = channels / 2;
        let heads = (c / 64).max(1);
        let key = c / heads / 2;
        let mut linear = |shape| self.conv_with(shape, IDENTITY);
        let attention = block("Attention")
            .child("qkv", linear([c + 2 * heads * key, c, 1, 1]))
            .child("proj", linear([c, c, 1, 1]))
            .child("pe", linear([c, 1, 3, 3]));
        let project = linear([c, 2 * c, 1, 1]);
        let feed_forward = Module::sequential(SEQUENTIAL, [self.conv(c, 2 * c, 1), project]);
        block("PSA")
            .child("cv1", self.conv(channels, 2 * c, 1))
            .child("cv2", self.conv(2 * c, channels, 1))
            .child("attn", attention)
            .child("ffn", feed_forward)
    }

    fn head(&mut self, widths: [usize; 3]) -> Module {
        let box_width = (widths[0] / 4).max(64);
        let class_width = widths[0].max(self.classes.min(100));
        let mut head =
            Module::new("ultralytics.nn.modules.head.v10Detect").attribute("nc", Py::Int(self.classes as i64));
        for (boxes, classes) in [("cv2", "cv3"), ("one2one_cv2", "one2one_cv3")] {
            let at_scales: Vec<Module> = widths
                .iter()
                .map(|inputs| {
                    let parts = [
                        self.conv(*inputs, box_width, 3),
                        self.conv(box_width, box_width, 3),
                        self.conv2d([64, box_width, 1, 1], true),
                    ];
                    Module::sequential(SEQUENTIAL, parts)
                })
                .collect();
            head = head.child(boxes, Module::sequential("torch.nn.modules.container.ModuleList", at_scales));
            let at_scales: Vec<Module> = widths
                .iter()
                .map(|inputs| {
                    let first = [self.depthwise(*inputs, 3), self.conv(*inputs, class_width, 1)];
                    let second = [self.depthwise(class_width, 3), self.conv(class_width, class_width, 1)];
                    let parts = [
                        Module::sequential(SEQUENTIAL, first),
                        Module::sequential(SEQUENTIAL, second),
                        self.conv2d([self.classes, class_width, 1, 1], true),
                    ];
                    Module::sequential(SEQUENTIAL, parts)
                })
                .collect();
            head = head.child(classes, Module::sequential("torch.nn.modules.container.ModuleList", at_scales));
        }
        let mut bins = Module::new("torch.nn.modules.conv.Conv2d");
        bins.parameters.push(("weight".to_owned(), Array::new(&[1, 16, 1, 1], (0..16).map(f64::from).collect())));
        head.child("dfl", block("DFL").child("conv", bins))
    }

    /// The detection model; its child `model` holds the 24 layers.
    pub fn build(mut self, variant: &str) -> Module {
        let (_, styles, n) = TOPOLOGIES.into_iter().find(|row| row.0 == variant).expect("a variant");
        let style = |stage: usize| styles.as_bytes()[stage] as char;
        let [c1, c2, c3, c4, c5] = [64, 128, 256, 512, 1024].map(&self.width);
        let upsample = || Module::new("torch.nn.modules.upsampling.Upsample");
        let concat = || Module::new("ultralytics.nn.modules.conv.Concat");
        let layers = vec![
            self.conv(3, c1, 3),
            self.conv(c1, c2, 3),
            self.c2f(c2, c2, style(0), n, true),
            self.conv(c2, c3, 3),
            self.c2f(c3, c3, style(1), 2 * n, true),
            self.sc_down(c3, c4),
            self.c2f(c4, c4, style(2), 2 * n, true),
            self.sc_down(c4, c5),
            self.c2f(c5, c5, style(3), n, true),
            block("SPPF").child("cv1", self.conv(c5, c5 / 2, 1)).child("cv2", self.conv(2 * c5, c5, 1)),
            self.psa(c5),
            upsample(),
            concat(),
            self.c2f(c5 + c4, c4, style(4), n, false),
            upsample(),
            concat(),
            self.c2f(c4 + c3, c3, style(5), n, false),
            self.conv(c3, c3, 3),
            concat(),
            self.c2f(c3 + c4, c4, style(6), n, false),
            self.sc_down(c4, c4),
            concat(),
            self.c2f(c4 + c5, c5, style(7), n, false),
            self.head([c3, c4, c5]),
        ];
        Module::new("ultralytics.nn.tasks.DetectionModel").child("model", Module::sequential(SEQUENTIAL, layers))
    }
}

const SEQUENTIAL: &str = "torch.nn.modules.container.Sequential";
const SILU: &str = "torch.nn.modules.activation.SiLU";
const IDENTITY: &str = "torch.nn.modules.linear.Identity";

fn block(class: &str) -> Module {
    Module::new(&format!("ultralytics.nn.modules.block.{class}"))
}

/// A tiny network with three classes.
pub fn tiny(variant: &str) -> Module {
    Builder::tiny(3).build(variant)
}
