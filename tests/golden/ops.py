"""Writes ops.safetensors: values and gradients of single operations as PyTorch computes them.

    pip install torch safetensors && python tests/golden/ops.py

Everything is computed in double precision from inputs that are exact in single precision, and stored in single
precision as the Rust code wants it: maps as [N, H, W, C], weights as [kernel_h * kernel_w * C_in, C_out]. `dy` is the
gradient that is fed in; `d` before a name is the gradient of that tensor. Windows are kernel, stride and padding, each
vertical then horizontal.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

torch.manual_seed(20140917)
torch.set_default_dtype(torch.float64)
EPSILON = 1e-3
golden = {}


def single(tensor):
    """Rounded to single precision."""
    return tensor.float().double()


def random(*shape):
    return single(torch.randn(*shape)).requires_grad_()


def put(case, **tensors):
    for name, tensor in tensors.items():
        golden[f"{case}/{name}"] = torch.as_tensor(tensor).detach().float().contiguous()


def nhwc(tensor):
    return tensor.permute(0, 2, 3, 1)


def rows(weight):
    """[C_out, C_in, kernel_h, kernel_w] -> [kernel_h * kernel_w * C_in, C_out]."""
    return weight.permute(2, 3, 1, 0).reshape(-1, weight.shape[0])


def flat(window):
    kernel, stride, padding = window
    return [*kernel, *stride, *padding]


def pull_back(y):
    """A random gradient of `y`, sent back through the graph."""
    dy = single(torch.randn_like(y))
    y.backward(dy)
    return nhwc(dy)


def put_maps(case, x, y):
    dy = pull_back(y)
    put(case, x=nhwc(x), y=nhwc(y), dy=dy, dx=nhwc(x.grad))


def put_norm(case, norm, prefix=""):
    names = {
        "scale": norm.weight,
        "shift": norm.bias,
        "dscale": norm.weight.grad,
        "dshift": norm.bias.grad,
        "running_mean": norm.running_mean,
        "running_variance": norm.running_var,
    }
    put(case, **{prefix + name: tensor for name, tensor in names.items()})


def batch_norm(channels):
    norm = nn.BatchNorm2d(channels, eps=EPSILON)
    norm.weight.data = single(1 + torch.rand(channels))
    norm.bias.data = single(torch.randn(channels))
    return norm


CONVOLUTIONS = [
    ((2, 3, 5, 4), 4, ((1, 1), (1, 1), (0, 0))),
    ((1, 5, 7, 5), 3, ((3, 3), (1, 1), (1, 1))),
    ((2, 2, 6, 7), 3, ((3, 3), (2, 2), (1, 1))),
    ((1, 3, 9, 8), 2, ((7, 7), (2, 2), (3, 3))),
    ((1, 2, 5, 6), 5, ((5, 5), (1, 1), (2, 2))),
    ((2, 3, 4, 7), 2, ((1, 3), (1, 2), (0, 1))),
    ((1, 1, 6, 3), 3, ((3, 1), (2, 1), (0, 0))),
]
for i, (shape, c_out, window) in enumerate(CONVOLUTIONS):
    kernel, stride, padding = window
    x, weight = random(*shape), random(c_out, shape[1], *kernel)
    put_maps(f"conv2d.{i}", x, F.conv2d(x, weight, stride=stride, padding=padding))
    put(f"conv2d.{i}", window=flat(window), weight=rows(weight), dweight=rows(weight.grad))

x, norm = random(2, 5, 4, 3), batch_norm(5)
put_maps("batch_norm_train", x, norm(x))
put_norm("batch_norm_train", norm)

x, norm = random(2, 3, 3, 5), batch_norm(3).eval()
norm.running_mean, norm.running_var = single(torch.randn(3)), single(0.5 + torch.rand(3))
put_maps("batch_norm_eval", x, norm(x))
put_norm("batch_norm_eval", norm)
put("batch_norm_eval", mean=norm.running_mean, variance=norm.running_var)

POOLS = [
    ((1, 2, 7, 8), ((3, 3), (2, 2), (0, 0)), True),
    ((2, 1, 6, 5), ((3, 3), (2, 2), (0, 0)), True),
    ((1, 3, 5, 6), ((3, 3), (1, 1), (1, 1)), False),
    ((1, 1, 5, 5), ((2, 2), (2, 2), (1, 1)), True),
    ((1, 2, 7, 4), ((5, 3), (3, 1), (0, 1)), False),
]
for i, (shape, window, ceil) in enumerate(POOLS):
    kernel, stride, padding = window
    # Few different values, so that windows have several maxima.
    x = torch.randint(-1, 3, shape).double().requires_grad_()
    put_maps(f"max_pool.{i}", x, F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil))
    put(f"max_pool.{i}", window=flat(window), ceil=[int(ceil)])
    x = random(*shape)
    y = F.avg_pool2d(x, kernel, stride, padding, ceil_mode=ceil, count_include_pad=False)
    put_maps(f"avg_pool.{i}", x, y)
    put(f"avg_pool.{i}", window=flat(window), ceil=[int(ceil)])

for i, (shape, output) in enumerate([((1, 2, 7, 5), (4, 4)), ((2, 3, 4, 6), (1, 1)), ((1, 2, 2, 3), (4, 4))]):
    x = random(*shape)
    put_maps(f"adaptive_avg_pool.{i}", x, F.adaptive_avg_pool2d(x, output))
    put(f"adaptive_avg_pool.{i}", output=list(output))


class ConvBnRelu(nn.Module):
    def __init__(self, c_in, c_out, window):
        super().__init__()
        kernel, stride, padding = self.window = window
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False)
        self.conv.weight.data = single(torch.randn_like(self.conv.weight))
        self.norm = batch_norm(c_out)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))

    def put(self, case, prefix=""):
        weight = self.conv.weight
        tensors = {"window": flat(self.window), "weight": rows(weight), "dweight": rows(weight.grad)}
        put(case, **{prefix + name: tensor for name, tensor in tensors.items()})
        put_norm(case, self.norm, prefix)


x, layer = random(2, 3, 7, 6), ConvBnRelu(3, 5, ((3, 3), (2, 2), (1, 1)))
put_maps("conv_bn_relu", x, layer(x))
layer.put("conv_bn_relu")


def square(side):
    return ((side, side), (1, 1), (side // 2, side // 2))


x = torch.randint(-3, 4, (2, 6, 5, 4)).double().div(4).requires_grad_()
layers = {
    "b1x1": ConvBnRelu(6, 4, square(1)),
    "b3x3_reduce": ConvBnRelu(6, 3, square(1)),
    "b3x3": ConvBnRelu(3, 5, square(3)),
    "b5x5_reduce": ConvBnRelu(6, 2, square(1)),
    "b5x5": ConvBnRelu(2, 3, square(5)),
    "pool_proj": ConvBnRelu(6, 4, square(1)),
}
branches = [
    layers["b1x1"](x),
    layers["b3x3"](layers["b3x3_reduce"](x)),
    layers["b5x5"](layers["b5x5_reduce"](x)),
    layers["pool_proj"](F.max_pool2d(x, 3, 1, 1)),
]
put_maps("inception", x, torch.cat(branches, 1))
for name, layer in layers.items():
    layer.put("inception", f"{name}.")

save_file(golden, Path(__file__).with_name("ops.safetensors"))
