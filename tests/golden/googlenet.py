"""Golden values of a whole narrow GoogLeNet, from PyTorch in f64.

Writes googlenet.json: logits at inference and in training (no dropout), the loss, the norm of every gradient, and the
losses of ten steps of SGD. Weights and images are made from a hash of their position, so that no large file is needed.

    pip install torch numpy && python tests/golden/googlenet.py
"""
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

PAPER = [
    [64, 96, 128, 16, 32, 32], [128, 128, 192, 32, 96, 64],
    [192, 96, 208, 16, 48, 64], [160, 112, 224, 24, 64, 64], [128, 128, 256, 24, 64, 64],
    [112, 144, 288, 32, 64, 64], [256, 160, 320, 32, 128, 128],
    [256, 160, 320, 32, 128, 128], [384, 192, 384, 48, 128, 128],
]
BLOCKS = ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]
# Narrower networks tell f32 from f64 too well: at 0.125 the gradients of PyTorch itself differ by up to 12 % between them.
RATIO, CLASSES, BATCH, SIZE = 0.25, 3, 16, 64


def scale(width):
    unit = 4 if width * RATIO < 32 else 8
    return max(1, int(width * RATIO / unit + 0.5)) * unit


class ConvBn(nn.Module):
    def __init__(self, i, o, k, s=1, p=0):
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, s, p, bias=False)
        self.bn = nn.BatchNorm2d(o, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, i, w):
        super().__init__()
        self.branch1 = ConvBn(i, w[0], 1)
        self.branch2 = nn.Sequential(ConvBn(i, w[1], 1), ConvBn(w[1], w[2], 3, p=1))
        self.branch3 = nn.Sequential(ConvBn(i, w[3], 1), ConvBn(w[3], w[4], 5, p=2))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), ConvBn(i, w[5], 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Aux(nn.Module):
    def __init__(self, i):
        super().__init__()
        self.conv, self.fc1, self.fc2 = ConvBn(i, 128, 1), nn.Linear(2048, 1024), nn.Linear(1024, CLASSES)

    def forward(self, x):
        x = self.conv(F.adaptive_avg_pool2d(x, 4))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        a, b, c = scale(64), scale(64), scale(192)
        self.conv1, self.conv2, self.conv3 = ConvBn(3, a, 7, 2, 3), ConvBn(a, b, 1), ConvBn(b, c, 3, p=1)
        for name, widths in zip(BLOCKS, PAPER):
            w = [scale(v) for v in widths]
            setattr(self, f"inception{name}", Inception(c, w))
            c = w[0] + w[2] + w[4] + w[5]
            if name == "4a":
                self.aux1 = Aux(c)
            if name == "4d":
                self.aux2 = Aux(c)
        self.fc = nn.Linear(c, CLASSES)

    def forward(self, x):
        pool = lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True)
        aux = []
        x = pool(self.conv3(self.conv2(pool(self.conv1(x)))))
        for name in BLOCKS:
            x = getattr(self, f"inception{name}")(x)
            if name in ("4a", "4d"):
                aux.append((self.aux1 if name == "4a" else self.aux2)(x))
            if name in ("3b", "4e"):
                x = pool(x)
        return [self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))] + aux


def noise(salt, count):
    """`count` values in [-1, 1): a 32-bit integer hash of position and salt."""
    x = np.arange(count, dtype=np.uint32) * np.uint32(2654435769) + np.uint32(salt * 40503 % 2**32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float64) / 2**23 - 1


def example():
    """A network, images and labels, all in f64."""
    net = GoogLeNet().double()
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    for salt, name in enumerate(sorted(state)):
        tensor = state[name]
        u = noise(salt, tensor.numel())
        if name.endswith("running_var") or name.endswith("bn.weight"):
            u = 1 + 0.3 * u
        elif name.endswith("bn.bias") or name.endswith("running_mean"):
            u = 0.1 * u
        elif name.endswith("bias"):
            u = 0.05 * u
        else:
            # He's bound, so that signals keep their size at inference too.
            u = u * np.sqrt(6 / tensor[0].numel())
        tensor.copy_(torch.from_numpy(u.astype(np.float32).astype(np.float64)).reshape(tensor.shape))
    # Coarse patches and fine noise: images that differ as little as pure noise make batch norm amplify rounding.
    fine = noise(9999, BATCH * SIZE * SIZE * 3).reshape(BATCH, SIZE, SIZE, 3)
    coarse = noise(8888, BATCH * 4 * 4 * 3).reshape(BATCH, 4, 4, 3).repeat(SIZE // 4, 1).repeat(SIZE // 4, 2)
    nhwc = (coarse + 0.25 * fine).astype(np.float32).astype(np.float64)
    x = torch.from_numpy(nhwc).permute(0, 3, 1, 2)
    return net, x, torch.arange(BATCH) % CLASSES


def main():
    net, x, y = example()

    def loss(outputs):
        main, aux1, aux2 = [F.cross_entropy(o, y) for o in outputs]
        return main + 0.3 * (aux1 + aux2)

    golden = {"ratio": RATIO, "classes": CLASSES, "batch": BATCH, "size": SIZE}
    net.eval()
    golden["inference"] = net(x)[0].flatten().tolist()
    net.train()
    outputs = net(x)
    golden["training"] = [o.flatten().tolist() for o in outputs]
    golden["loss"] = loss(outputs).item()
    loss(outputs).backward()
    golden["gradient_norms"] = {k: p.grad.norm().item() for k, p in sorted(net.named_parameters())}
    golden["running_mean_norm"] = {k: v.norm().item() for k, v in sorted(net.state_dict().items()) if "running" in k}
    decayed = [p for k, p in net.named_parameters() if p.dim() > 1]
    others = [p for k, p in net.named_parameters() if p.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=3e-5, momentum=0.9, nesterov=True)
    golden["losses"] = []
    for _ in range(10):
        optimizer.zero_grad()
        value = loss(net(x))
        golden["losses"].append(value.item())
        value.backward()
        optimizer.step()
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")
    print(golden["inference"], golden["loss"], golden["losses"])


if __name__ == "__main__":
    main()
