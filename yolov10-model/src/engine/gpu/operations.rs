//! Our kernels as operations on burn's tensors, so that they queue up with burn's own.

use std::sync::Arc;

use burn::backend::cubecl::dtype_to_elem_type;
use burn::backend::ops::ConvOptions;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Bytes, DType, Int, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_forward};
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::ops::{permute_nchw_to_nhwc_shape, permute_nhwc_to_nchw, reshape};
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::kernels;
use crate::letterbox::PAD;
use crate::network::Activation;

/// What burn lacks, for every device that cubecl runs on.
#[backend_extension(Cube, Fusion)]
pub trait DetectorOperations: Backend {
    /// Writes a packed picture over sample `sample` of `input`, `[B, H, W, 3]` in f32, in place: every tensor on that memory
    /// sees it, and so does a graph that reads it. It goes up through `buffer`, which has room for it.
    #[fusion(dtype = input, shape = input)]
    fn letterbox(
        input: FloatTensor<Self>,
        buffer: IntTensor<Self>,
        packed: Arc<Vec<u32>>,
        sample: usize,
    ) -> FloatTensor<Self>;

    /// The largest class logit of each anchor: those of P3, P4 and P5, `[B, classes, H, W]`, to `[B, anchors]` in f32.
    #[fusion(dtype = { let _ = p3; DType::F32 }, shape = best_shape(p3, p4, p5))]
    fn best(p3: FloatTensor<Self>, p4: FloatTensor<Self>, p5: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `[B, anchors]` to the numbers of the `count` best, `[B, count]`.
    #[fusion(dtype = { let _ = best; DType::I32 }, shape = ranked_shape(best, count))]
    fn rank(best: FloatTensor<Self>, count: usize) -> IntTensor<Self>;

    /// For each of the `ranked` anchors, `[B, K]`, its number and its logits, of its box and of its classes: those of P3, P4
    /// and P5, `[B, C, H, W]`, to `[B, K, 1 + 4 * REG_MAX + classes]` in f32.
    #[fusion(dtype = { let _ = ranked; DType::F32 }, shape = table_shape(ranked, boxes3, classes3))]
    fn table(
        ranked: IntTensor<Self>,
        boxes3: FloatTensor<Self>,
        boxes4: FloatTensor<Self>,
        boxes5: FloatTensor<Self>,
        classes3: FloatTensor<Self>,
        classes4: FloatTensor<Self>,
        classes5: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// So many channels of a map from `start` on, without laying them out anew; without a copy where the device may start
    /// there.
    #[fusion(dtype = map, shape = with_channels(map, *count))]
    fn take(map: FloatTensor<Self>, start: usize, count: usize) -> FloatTensor<Self>;

    /// Four maps one after another, as many of them as make `channels`.
    #[fusion(dtype = first, shape = with_channels(first, *channels))]
    fn concat(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        third: FloatTensor<Self>,
        fourth: FloatTensor<Self>,
        channels: usize,
    ) -> FloatTensor<Self>;

    /// A convolution over few channels, such as a depthwise one or one of colours, of padding half the kernel, with its bias
    /// and activation. Sums are f32, whatever is read, and are stored as `dtype`.
    #[fusion(dtype = { let _ = input; *dtype }, shape = convolved_shape(input, weight, stride))]
    fn convolve_few(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        activation: Activation,
        dtype: DType,
    ) -> FloatTensor<Self>;

    /// A dense convolution of padding half the kernel, with the kernel that goes by rule with these units.
    #[fusion(dtype = input, shape = convolved_shape(input, weight, stride))]
    fn convolve(input: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize, units: Units) -> FloatTensor<Self>;

    /// Softmax attention of every position over all, in sums of f32: `query` and `key` `[B, heads * K, H, W]`, `value`
    /// `[B, heads * V, H, W]`, to what `value` is like.
    #[fusion(dtype = value, shape = { let _ = (query, key); value.clone() })]
    fn attend(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self>;
}

/// What multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// f32 as f32.
    Plain,
    /// Tensor cores, which round; plain units for shapes, and on devices, that they have nothing for.
    Matrix,
}

fn with_channels(map: &Shape, channels: usize) -> Shape {
    Shape::new([map[0], channels, map[2], map[3]])
}

fn best_shape(p3: &Shape, p4: &Shape, p5: &Shape) -> Shape {
    let cells = |map: &Shape| map[2] * map[3];
    Shape::new([p3[0], cells(p3) + cells(p4) + cells(p5)])
}

fn table_shape(ranked: &Shape, boxes: &Shape, classes: &Shape) -> Shape {
    Shape::new([ranked[0], ranked[1], 1 + boxes[1] + classes[1]])
}

fn ranked_shape(best: &Shape, count: &usize) -> Shape {
    Shape::new([best[0], *count])
}

fn convolved_shape(input: &Shape, weight: &Shape, stride: &usize) -> Shape {
    Shape::new([input[0], weight[0], input[2].div_ceil(*stride), input[3].div_ceil(*stride)])
}

impl DetectorOperations for CubeBackend {
    fn letterbox(
        input: FloatTensor<Self>,
        buffer: IntTensor<Self>,
        packed: Arc<Vec<u32>>,
        sample: usize,
    ) -> FloatTensor<Self> {
        let packed = Arc::unwrap_or_clone(packed);
        buffer.client.write(&buffer.handle, Bytes::from_elems(packed));
        let [_, height, width, _] = input.meta.shape().dims();
        let units = CubeDim::new(&input.client, height * width);
        kernels::letterbox::launch(
            &input.client,
            calculate_cube_count_elemwise(&input.client, height * width, units),
            units,
            buffer.into_buffer_arg(),
            input.clone().into_tensor_arg(),
            sample,
            u32::from(PAD),
        );
        input
    }

    fn best(p3: FloatTensor<Self>, p4: FloatTensor<Self>, p5: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = best_shape(p3.meta.shape(), p4.meta.shape(), p5.meta.shape());
        let output = empty(&p3, shape, DType::F32);
        let (units, cubes) = one_unit_each(&output);
        let (client, dtype) = (p3.client.clone(), dtype_to_elem_type(p3.dtype));
        let [p3, p4, p5] = [p3, p4, p5].map(CubeTensor::into_tensor_arg);
        kernels::best::launch(&client, cubes, units, p3, p4, p5, output.clone().into_tensor_arg(), dtype);
        output
    }

    fn rank(best: FloatTensor<Self>, count: usize) -> IntTensor<Self> {
        let ranked = empty(&best, ranked_shape(best.meta.shape(), &count), DType::I32);
        rank_into(best, ranked.clone());
        ranked
    }

    fn table(
        ranked: IntTensor<Self>,
        boxes3: FloatTensor<Self>,
        boxes4: FloatTensor<Self>,
        boxes5: FloatTensor<Self>,
        classes3: FloatTensor<Self>,
        classes4: FloatTensor<Self>,
        classes5: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let shape = table_shape(ranked.meta.shape(), boxes3.meta.shape(), classes3.meta.shape());
        // Row after row without gaps, so that it is one piece to download.
        let output = reshape(empty(&ranked, Shape::new([shape.num_elements()]), DType::F32), shape);
        let (units, cubes) = one_unit_each(&output);
        let dtype = dtype_to_elem_type(boxes3.dtype);
        let client = ranked.client.clone();
        kernels::table::launch(
            &client,
            cubes,
            units,
            ranked.into_tensor_arg(),
            boxes3.into_tensor_arg(),
            boxes4.into_tensor_arg(),
            boxes5.into_tensor_arg(),
            classes3.into_tensor_arg(),
            classes4.into_tensor_arg(),
            classes5.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            dtype,
        );
        output
    }

    fn take(map: FloatTensor<Self>, start: usize, count: usize) -> FloatTensor<Self> {
        let shape = with_channels(map.meta.shape(), count);
        let offset = (start * map.meta.strides()[1] * map.dtype.size()) as u64;
        if offset.is_multiple_of(map.client.properties().memory.alignment) {
            let mut part = map;
            part.handle = part.handle.offset_start(offset);
            *part.meta.shape_mut() = shape;
            return part;
        }
        let output = empty_channels_last(&map, shape, map.dtype);
        let (units, cubes) = one_unit_each(&output);
        let (client, dtype) = (map.client.clone(), dtype_to_elem_type(map.dtype));
        let written = output.clone().into_tensor_arg();
        kernels::take::launch(&client, cubes, units, map.into_tensor_arg(), written, start, dtype);
        output
    }

    fn concat(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        third: FloatTensor<Self>,
        fourth: FloatTensor<Self>,
        channels: usize,
    ) -> FloatTensor<Self> {
        let output = empty_channels_last(&first, with_channels(first.meta.shape(), channels), first.dtype);
        let (units, cubes) = one_unit_each(&output);
        let (client, dtype) = (first.client.clone(), dtype_to_elem_type(first.dtype));
        let [first, second, third, fourth] = [first, second, third, fourth].map(CubeTensor::into_tensor_arg);
        let written = output.clone().into_tensor_arg();
        kernels::concat::launch(&client, cubes, units, first, second, third, fourth, written, dtype);
        output
    }

    fn convolve_few(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        stride: usize,
        activation: Activation,
        dtype: DType,
    ) -> FloatTensor<Self> {
        let [_, inputs, kernel, _] = weight.meta.shape().dims();
        let shape = convolved_shape(input.meta.shape(), weight.meta.shape(), &stride);
        let output = empty_channels_last(&input, shape, dtype);
        let (units, cubes) = one_unit_each(&output);
        let (client, read) = (input.client.clone(), dtype_to_elem_type(input.dtype));
        kernels::convolve_few::launch(
            &client,
            cubes,
            units,
            input.into_tensor_arg(),
            weight.into_tensor_arg(),
            bias.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            stride,
            kernel,
            inputs,
            activation == Activation::Silu,
            read,
            dtype_to_elem_type(dtype),
        );
        output
    }

    fn convolve(input: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize, units: Units) -> FloatTensor<Self> {
        let kernel: usize = weight.meta.shape()[2];
        let with = |strategy| {
            let options = ConvOptions::new([stride; 2], [kernel / 2; 2], [1, 1], 1);
            conv_forward(input.clone(), weight.clone(), None, options, strategy)
        };
        let by_matrix_units = (units == Units::Matrix).then(|| with(ConvStrategy::ImplicitGemm).ok()).flatten();
        by_matrix_units.unwrap_or_else(|| with(ConvStrategy::Direct).expect("a direct convolution takes any shape"))
    }

    fn attend(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        heads: usize,
    ) -> FloatTensor<Self> {
        let [batch, value_channels, height, width] = value.meta.shape().dims();
        let (key_channels, value_channels) = (key.meta.shape()[1] / heads, value_channels / heads);
        let output = empty_channels_last(&value, value.meta.shape().clone(), value.dtype);
        let cubes = (height * width).div_ceil(kernels::QUERIES);
        let (client, dtype) = (value.client.clone(), dtype_to_elem_type(value.dtype));
        kernels::attend::launch(
            &client,
            CubeCount::Static(cubes as u32, heads as u32, batch as u32),
            CubeDim::new_1d(kernels::TILE as u32),
            query.into_tensor_arg(),
            key.into_tensor_arg(),
            value.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            (key_channels as f32).sqrt().recip(),
            key_channels,
            value_channels,
            dtype,
        );
        output
    }
}

/// [`DetectorOperations::rank`] into a tensor that is there, both laid out in whatever way.
pub(super) fn rank_into(best: CubeTensor, ranked: CubeTensor) {
    let client = best.client.clone();
    let (units, cubes) = one_unit_each(&best);
    kernels::rank::launch(&client, cubes, units, best.into_tensor_arg(), ranked.into_tensor_arg());
}

/// A tensor where another one is.
fn empty(beside: &CubeTensor, shape: Shape, dtype: DType) -> CubeTensor {
    empty_device_dtype(beside.client.clone(), beside.device.clone(), shape, dtype)
}

/// The same for a map `[B, C, H, W]`, whose memory is `[B, H, W, C]`.
fn empty_channels_last(beside: &CubeTensor, shape: Shape, dtype: DType) -> CubeTensor {
    permute_nhwc_to_nchw(empty(beside, permute_nchw_to_nhwc_shape(shape), dtype))
}

/// A unit for each element of a tensor: how many make a cube, and how many cubes.
fn one_unit_each(tensor: &CubeTensor) -> (CubeDim, CubeCount) {
    let elements = tensor.meta.shape().num_elements();
    let units = CubeDim::new(&tensor.client, elements);
    (units, calculate_cube_count_elemwise(&tensor.client, elements, units))
}

/// See [`DetectorOperations::letterbox`].
pub fn letterbox(input: Tensor<4>, buffer: Tensor<1, Int>, packed: Vec<u32>, sample: usize) -> Tensor<4> {
    let (input, buffer) = (input.into_dispatch(), buffer.into_dispatch());
    Tensor::from_dispatch(Dispatch::letterbox(input, buffer, Arc::new(packed), sample))
}

/// See [`DetectorOperations::best`]; of P3, P4 and P5.
pub fn best(classes: [Tensor<4>; 3]) -> Tensor<2> {
    let [p3, p4, p5] = classes.map(Tensor::into_dispatch);
    Tensor::from_dispatch(Dispatch::best(p3, p4, p5))
}

/// See [`DetectorOperations::table`]; of P3, P4 and P5.
pub fn table(ranked: Tensor<2, Int>, boxes: [Tensor<4>; 3], classes: [Tensor<4>; 3]) -> Tensor<3> {
    let [boxes3, boxes4, boxes5] = boxes.map(Tensor::into_dispatch);
    let [classes3, classes4, classes5] = classes.map(Tensor::into_dispatch);
    let ranked = ranked.into_dispatch();
    Tensor::from_dispatch(Dispatch::table(ranked, boxes3, boxes4, boxes5, classes3, classes4, classes5))
}

/// See [`DetectorOperations::rank`].
pub fn rank(best: Tensor<2>, count: usize) -> Tensor<2, Int> {
    Tensor::from_dispatch(Dispatch::rank(best.into_dispatch(), count))
}

/// See [`DetectorOperations::convolve_few`].
pub fn convolve_few(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    activation: Activation,
    dtype: DType,
) -> Tensor<4> {
    let (input, weight, bias) = (input.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolve_few(input, weight, bias, stride, activation, dtype))
}

/// See [`DetectorOperations::convolve`].
pub fn convolve(input: Tensor<4>, weight: Tensor<4>, stride: usize, units: Units) -> Tensor<4> {
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolve(input, weight, stride, units))
}

/// See [`DetectorOperations::take`].
pub fn take(map: Tensor<4>, start: usize, count: usize) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::take(map.into_dispatch(), start, count))
}

/// Maps one after another, by [`DetectorOperations::concat`].
pub fn concat(maps: Vec<Tensor<4>>) -> Tensor<4> {
    let mut maps = maps;
    while maps.len() > 1 {
        let joined = maps.chunks(kernels::PARTS).map(|parts| {
            if let [only] = parts {
                return only.clone();
            }
            let channels = parts.iter().map(|part| part.shape()[1]).sum();
            // Of a missing one no channel is taken.
            let [first, second, third, fourth] =
                [0, 1, 2, 3].map(|index| parts[index.min(parts.len() - 1)].clone().into_dispatch());
            Tensor::from_dispatch(Dispatch::concat(first, second, third, fourth, channels))
        });
        maps = joined.collect();
    }
    maps.pop().expect("there is a map")
}

/// See [`DetectorOperations::attend`].
pub fn attend(query: Tensor<4>, key: Tensor<4>, value: Tensor<4>, heads: usize) -> Tensor<4> {
    let (query, key, value) = (query.into_dispatch(), key.into_dispatch(), value.into_dispatch());
    Tensor::from_dispatch(Dispatch::attend(query, key, value, heads))
}
