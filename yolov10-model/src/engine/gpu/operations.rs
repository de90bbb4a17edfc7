//! Our kernels as operations on burn's tensors, so that they queue up with burn's own.

use std::sync::Arc;

use burn::backend::ops::ConvOptions;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{Bytes, DType, Int, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_forward};
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::ops::numeric::empty_device_dtype;
use burn_cubecl::tensor::CubeTensor;
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

    /// A convolution of padding half the kernel, with the kernel that goes by rule with these units.
    #[fusion(dtype = input, shape = convolved_shape(input, weight, stride))]
    fn convolve(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        groups: usize,
        units: Units,
    ) -> FloatTensor<Self>;

    /// `[.., M, K]` by `[.., K, N]` with the kernel that goes by rule.
    #[fusion(dtype = left, shape = product_shape(left, right))]
    fn product(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// What multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// f32 as f32.
    Plain,
    /// Tensor cores, which round; plain units for shapes, and on devices, that they have nothing for.
    Matrix,
}

fn ranked_shape(best: &Shape, count: &usize) -> Shape {
    Shape::new([best[0], *count])
}

fn convolved_shape(input: &Shape, weight: &Shape, stride: &usize) -> Shape {
    Shape::new([input[0], weight[0], input[2].div_ceil(*stride), input[3].div_ceil(*stride)])
}

fn product_shape(left: &Shape, right: &Shape) -> Shape {
    let mut shape = left.clone();
    let last = shape.num_dims() - 1;
    shape[last] = right[last];
    shape
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

    fn rank(best: FloatTensor<Self>, count: usize) -> IntTensor<Self> {
        let [samples, _] = best.meta.shape().dims();
        let ranked =
            empty_device_dtype(best.client.clone(), best.device.clone(), Shape::new([samples, count]), DType::I32);
        rank_into(best, ranked.clone());
        ranked
    }

    fn convolve(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        groups: usize,
        units: Units,
    ) -> FloatTensor<Self> {
        let kernel: usize = weight.meta.shape()[2];
        let with = |strategy| {
            let options = ConvOptions::new([stride; 2], [kernel / 2; 2], [1, 1], groups);
            conv_forward(input.clone(), weight.clone(), None, options, strategy)
        };
        let by_matrix_units = (units == Units::Matrix).then(|| with(ConvStrategy::ImplicitGemm).ok()).flatten();
        by_matrix_units.unwrap_or_else(|| with(ConvStrategy::Direct).expect("a direct convolution takes any shape"))
    }

    fn product(left: FloatTensor<Self>, right: FloatTensor<Self>) -> FloatTensor<Self> {
        let dtype = left.dtype;
        matmul(left, right, None, MatmulStrategy::Cube, dtype).expect("a product by rule takes any shape")
    }
}

/// [`DetectorOperations::rank`] into a tensor that is there, both laid out in whatever way.
pub(super) fn rank_into(best: CubeTensor, ranked: CubeTensor) {
    let [samples, anchors] = best.meta.shape().dims();
    let client = best.client.clone();
    let units = CubeDim::new(&client, samples * anchors);
    let dtype = burn::backend::cubecl::dtype_to_elem_type(best.dtype);
    kernels::rank::launch(
        &client,
        calculate_cube_count_elemwise(&client, samples * anchors, units),
        units,
        best.into_tensor_arg(),
        ranked.into_tensor_arg(),
        dtype,
    );
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

/// See [`DetectorOperations::convolve`].
pub fn convolve(input: Tensor<4>, weight: Tensor<4>, stride: usize, groups: usize, units: Units) -> Tensor<4> {
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::convolve(input, weight, stride, groups, units))
}

/// See [`DetectorOperations::product`].
pub fn product(left: Tensor<4>, right: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::product(left.into_dispatch(), right.into_dispatch()))
}
