//! Our kernels as operations on burn's tensors, so that they queue up with burn's own.

use std::sync::Arc;

use burn::backend::ops::ConvOptions;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Bytes, DType, Int, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_forward};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_dtype;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::kernels;
use crate::letterbox::PAD;

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

    /// `[B, anchors]` to the numbers of the `count` best, `[B, count]`.
    #[fusion(dtype = { let _ = best; DType::I32 }, shape = ranked_shape(best, count))]
    fn rank(best: FloatTensor<Self>, count: usize) -> IntTensor<Self>;

    /// A convolution of padding half the kernel that multiplies f32 as f32, which tensor cores do not.
    #[fusion(dtype = input, shape = convolved_shape(input, weight, stride))]
    fn exact_conv(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        groups: usize,
    ) -> FloatTensor<Self>;
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
            input.clone().into_buffer_arg(),
            sample,
            u32::from(PAD),
        );
        input
    }

    fn rank(best: FloatTensor<Self>, count: usize) -> IntTensor<Self> {
        let best = into_contiguous(best);
        let [samples, anchors] = best.meta.shape().dims();
        let ranked =
            empty_device_dtype(best.client.clone(), best.device.clone(), Shape::new([samples, count]), DType::I32);
        let units = CubeDim::new(&best.client, samples * anchors);
        kernels::rank::launch(
            &best.client,
            calculate_cube_count_elemwise(&best.client, samples * anchors, units),
            units,
            best.clone().into_buffer_arg(),
            ranked.clone().into_buffer_arg(),
            anchors,
            count,
            burn::backend::cubecl::dtype_to_elem_type(best.dtype),
        );
        ranked
    }

    fn exact_conv(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        groups: usize,
    ) -> FloatTensor<Self> {
        let kernel: usize = weight.meta.shape()[2];
        let options = ConvOptions::new([stride; 2], [kernel / 2; 2], [1, 1], groups);
        conv_forward(input, weight, None, options, ConvStrategy::Direct).expect("a direct convolution takes any shape")
    }
}

/// See [`DetectorOperations::letterbox`].
pub fn letterbox(input: Tensor<4>, buffer: Tensor<1, Int>, packed: Vec<u32>, sample: usize) -> Tensor<4> {
    let (input, buffer) = (input.into_dispatch(), buffer.into_dispatch());
    Tensor::from_dispatch(Dispatch::letterbox(input, buffer, Arc::new(packed), sample))
}

/// See [`DetectorOperations::rank`].
pub fn rank(best: Tensor<2>, count: usize) -> Tensor<2, Int> {
    Tensor::from_dispatch(Dispatch::rank(best.into_dispatch(), count))
}

/// See [`DetectorOperations::exact_conv`].
pub fn exact_conv(input: Tensor<4>, weight: Tensor<4>, stride: usize, groups: usize) -> Tensor<4> {
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::exact_conv(input, weight, stride, groups))
}
