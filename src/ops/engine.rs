//! The operations a network is made of, and who computes them.

use dfdx::prelude::*;
use dfdx::tensor::Synchronize;

use super::{Channels, Images, Maps, OpError, Rows, Spans, Window, sizes};
use crate::cut::Cut;

/// A convolution without bias, batch norm over its output channels, and ReLU.
pub struct ConvBn<'a, D: Device<f32>> {
    /// `[kernel_h * kernel_w * c_in, c_out]`: row `(ky * kernel_w + kx) * c_in + c`.
    pub weight: &'a Rows<D>,
    /// Kernel, stride and padding.
    pub window: Window,
    /// Gain of batch norm, `[c_out]`.
    pub scale: &'a Channels<D>,
    /// Offset of batch norm, `[c_out]`.
    pub shift: &'a Channels<D>,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether anybody wants the gradient of the input: the first layer of a network has no use for it.
    pub input_gradient: bool,
}

/// Mean and variance of a channel: of a batch (variance with n-1, as PyTorch keeps it), or the running ones.
#[derive(Clone, Debug)]
pub struct Moments<D: Device<f32>> {
    /// `[C]`.
    pub mean: Channels<D>,
    /// `[C]`.
    pub variance: Channels<D>,
}

/// Computes the operations of a network on one device. The layout is NHWC.
///
/// Everything is differentiable on dfdx's tape. The fused operations have a default in terms of the simple ones; an engine
/// overrides them where fusing pays, and is then tested against the default.
pub trait Engine: 'static {
    /// Where tensors live.
    type Device: Device<f32> + Synchronize;

    /// Steps of a training that may be begun before the losses of the first of them are asked for, which makes the host wait.
    const STEPS_AHEAD: usize = 1;

    /// Where tensors live.
    fn device(&self) -> &Self::Device;

    /// Keeps images where the engine computes, for [`Engine::cut_images`] of this and other trainings, if there is room.
    ///
    /// # Errors
    /// [`OpError`] if the device refuses.
    fn keep_images(&self, _images: &Images<'_>) -> Result<(), OpError> {
        Ok(())
    }

    /// Cut out of the images `name`, normalised, `[N, side, side, 3]`; nothing if the engine does not keep all of them.
    ///
    /// # Errors
    /// [`OpError`] if the device refuses.
    fn cut_images(&self, _name: &str, _cuts: impl Iterator<Item = Cut>) -> Result<Option<Maps<Self::Device>>, OpError> {
        Ok(None)
    }

    /// Convolution without bias (cross-correlation, zero padding).
    ///
    /// `x: [N, H, W, C_in]`, `weight: [kernel_h * kernel_w * C_in, C_out]` -> `[N, H', W', C_out]`.
    ///
    /// # Errors
    /// [`OpError`] if sizes do not agree, the window does not fit, or the device refuses; so for all below.
    fn conv2d<T: Tape<f32, Self::Device>>(
        &self,
        x: Maps<Self::Device, T>,
        weight: &Rows<Self::Device>,
        window: Window,
    ) -> Result<Maps<Self::Device, T>, OpError>;

    /// Batch norm with the statistics of this batch, which are returned beside the result.
    ///
    /// `x: [N, H, W, C]`, `scale`, `shift: [C]` -> `[N, H, W, C]`. Source: Ioffe and Szegedy 2015, algorithm 1.
    ///
    /// # Errors
    /// [`OpError`].
    fn batch_norm_train<T: Tape<f32, Self::Device>>(
        &self,
        x: Maps<Self::Device, T>,
        scale: &Channels<Self::Device>,
        shift: &Channels<Self::Device>,
        epsilon: f32,
    ) -> Result<(Maps<Self::Device, T>, Moments<Self::Device>), OpError>;

    /// Batch norm with given statistics.
    ///
    /// # Errors
    /// [`OpError`].
    fn batch_norm<T: Tape<f32, Self::Device>>(
        &self,
        x: Maps<Self::Device, T>,
        scale: &Channels<Self::Device>,
        shift: &Channels<Self::Device>,
        moments: &Moments<Self::Device>,
        epsilon: f32,
    ) -> Result<Maps<Self::Device, T>, OpError>;

    /// Maximum over each span; on a tie the first element (in row-major order) gets the whole gradient.
    ///
    /// `x: [N, H, W, C]` -> `[N, H', W', C]`.
    ///
    /// # Errors
    /// [`OpError`].
    fn max_pool<T: Tape<f32, Self::Device>>(
        &self,
        x: Maps<Self::Device, T>,
        spans: &Spans,
    ) -> Result<Maps<Self::Device, T>, OpError>;

    /// Mean over each span; padding does not count.
    ///
    /// `x: [N, H, W, C]` -> `[N, H', W', C]`.
    ///
    /// # Errors
    /// [`OpError`].
    fn avg_pool<T: Tape<f32, Self::Device>>(
        &self,
        x: Maps<Self::Device, T>,
        spans: &Spans,
    ) -> Result<Maps<Self::Device, T>, OpError>;

    /// Joins maps of equal extents along the channels.
    ///
    /// `parts[i]: [N, H, W, C_i]` -> `[N, H, W, sum C_i]`.
    ///
    /// # Errors
    /// [`OpError`].
    fn concat<T: Tape<f32, Self::Device>>(
        &self,
        parts: Vec<Maps<Self::Device, T>>,
    ) -> Result<Maps<Self::Device, T>, OpError>;

    /// Matrix product.
    ///
    /// `x: [N, inputs]`, `weight: [inputs, outputs]` -> `[N, outputs]`.
    ///
    /// # Errors
    /// [`OpError`].
    fn matmul<T: Tape<f32, Self::Device>>(
        &self,
        x: Rows<Self::Device, T>,
        weight: &Rows<Self::Device>,
    ) -> Result<Rows<Self::Device, T>, OpError> {
        sizes::matmul(x.shape(), weight.shape())?;
        x.try_matmul(weight.retaped::<T>()).map_err(OpError::device)
    }

    /// Convolution, batch norm with the statistics of this batch, ReLU.
    ///
    /// # Errors
    /// [`OpError`].
    fn conv_bn_relu_train<T: Tape<f32, Self::Device>>(
        &self,
        x: Maps<Self::Device, T>,
        layer: &ConvBn<'_, Self::Device>,
    ) -> Result<(Maps<Self::Device, T>, Moments<Self::Device>), OpError> {
        let y = self.conv2d(x, layer.weight, layer.window)?;
        let (y, moments) = self.batch_norm_train(y, layer.scale, layer.shift, layer.epsilon)?;
        Ok((y.try_relu().map_err(OpError::device)?, moments))
    }

    /// Convolution, batch norm with given statistics, ReLU.
    ///
    /// # Errors
    /// [`OpError`].
    fn conv_bn_relu<T: Tape<f32, Self::Device>>(
        &self,
        x: Maps<Self::Device, T>,
        layer: &ConvBn<'_, Self::Device>,
        moments: &Moments<Self::Device>,
    ) -> Result<Maps<Self::Device, T>, OpError> {
        let y = self.conv2d(x, layer.weight, layer.window)?;
        let y = self.batch_norm(y, layer.scale, layer.shift, moments, layer.epsilon)?;
        y.try_relu().map_err(OpError::device)
    }

    /// An Inception block in training: four branches over one input, concatenated.
    ///
    /// `layers` in the paper's order: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection (behind a 3x3 max pooling of
    /// stride 1). `x: [N, H, W, C]` -> `[N, H, W, C_1x1 + C_3x3 + C_5x5 + C_pool]`, and the moments of the six.
    ///
    /// # Errors
    /// [`OpError`].
    fn inception_train<T: Tape<f32, Self::Device>>(
        &self,
        x: Maps<Self::Device, T>,
        layers: &[ConvBn<'_, Self::Device>; 6],
    ) -> Result<(Maps<Self::Device, T>, [Moments<Self::Device>; 6]), OpError> {
        let [b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj] = layers;
        let (_, height, width, _) = *x.shape();
        let pool = Spans::sliding("max_pool", Window::square(3, 1, 1), [height, width], false)?;
        let (y1, m1) = self.conv_bn_relu_train(x.retaped::<T>(), b1x1)?;
        let (r3, m3r) = self.conv_bn_relu_train(x.retaped::<T>(), b3x3_reduce)?;
        let (y3, m3) = self.conv_bn_relu_train(r3, b3x3)?;
        let (r5, m5r) = self.conv_bn_relu_train(x.retaped::<T>(), b5x5_reduce)?;
        let (y5, m5) = self.conv_bn_relu_train(r5, b5x5)?;
        let (yp, mp) = self.conv_bn_relu_train(self.max_pool(x, &pool)?, pool_proj)?;
        Ok((self.concat(vec![y1, y3, y5, yp])?, [m1, m3r, m3, m5r, m5, mp]))
    }

    /// The same block at inference, normalised with given statistics.
    ///
    /// # Errors
    /// [`OpError`].
    fn inception(
        &self,
        x: Maps<Self::Device>,
        layers: &[ConvBn<'_, Self::Device>; 6],
        moments: [&Moments<Self::Device>; 6],
    ) -> Result<Maps<Self::Device>, OpError> {
        let [b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj] = layers;
        let [m1, m3r, m3, m5r, m5, mp] = moments;
        let (_, height, width, _) = *x.shape();
        let pool = Spans::sliding("max_pool", Window::square(3, 1, 1), [height, width], false)?;
        self.concat(vec![
            self.conv_bn_relu(x.clone(), b1x1, m1)?,
            self.conv_bn_relu(self.conv_bn_relu(x.clone(), b3x3_reduce, m3r)?, b3x3, m3)?,
            self.conv_bn_relu(self.conv_bn_relu(x.clone(), b5x5_reduce, m5r)?, b5x5, m5)?,
            self.conv_bn_relu(self.max_pool(x, &pool)?, pool_proj, mp)?,
        ])
    }
}
