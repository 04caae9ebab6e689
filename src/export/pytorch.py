"""GoogLeNet with other branch widths, for PyTorch. Written by inception-nas.

    from model import load
    network = load("weights.safetensors").eval()
    logits = network(images)  # [N, 3, RESOLUTION, RESOLUTION], RGB from 0 to 1, minus MEAN, over STD

Needs `pip install torch safetensors`. Names and layout of the weights are those of torchvision's GoogLeNet, without its
auxiliary heads.
"""
import torch
from safetensors.torch import load_file
from torch import nn

CLASSES = $CLASSES
RESOLUTION = $RESOLUTION
MEAN = $MEAN
STD = $STD

STEM = $STEM
# By block: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection.
BLOCKS = $BLOCKS
# A pooling to half the side comes behind these.
POOLED = $POOLED


class Unit(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=$EPSILON)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Four branches over one input, side by side."""

    def __init__(self, inputs, b1x1, b3x3_reduce, b3x3, b5x5_reduce, b5x5, pool_proj):
        super().__init__()
        self.branch1 = Unit(inputs, b1x1, 1)
        self.branch2 = nn.Sequential(Unit(inputs, b3x3_reduce, 1), Unit(b3x3_reduce, b3x3, 3))
        self.branch3 = nn.Sequential(Unit(inputs, b5x5_reduce, 1), Unit(b5x5_reduce, b5x5, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Unit(inputs, pool_proj, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class GoogLeNet(nn.Module):
    """The whole network: images to logits."""

    def __init__(self):
        super().__init__()
        conv1, conv2_reduce, conv2 = STEM
        self.conv1 = Unit(3, conv1, 7, 2)
        self.conv2 = Unit(conv1, conv2_reduce, 1)
        self.conv3 = Unit(conv2_reduce, conv2, 3)
        channels = conv2
        for name, widths in BLOCKS.items():
            self.add_module(name, Inception(channels, *widths))
            channels = widths[0] + widths[2] + widths[4] + widths[5]
        self.dropout = nn.Dropout($DROPOUT)
        self.fc = nn.Linear(channels, len(CLASSES))
        self.halve = nn.MaxPool2d(3, 2, ceil_mode=True)

    def forward(self, x):
        x = self.halve(self.conv1(x))
        x = self.halve(self.conv3(self.conv2(x)))
        for name in BLOCKS:
            x = self.get_submodule(name)(x)
            if name in POOLED:
                x = self.halve(x)
        return self.fc(self.dropout(x.mean((2, 3))))


def load(path):
    """The network with the weights of a safetensors file."""
    network = GoogLeNet()
    weights = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("aux")}
    missing, unexpected = network.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"{path}: missing {missing}, unexpected {unexpected}")
    return network
