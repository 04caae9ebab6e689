"""Golden values of zero-cost scores, from PyTorch in f64, of the network and the images of googlenet.py.

Writes zero_cost.json. The auxiliary heads are left out.

    pip install torch numpy && python tests/golden/zero_cost.py
"""
import copy
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

from googlenet import SIZE, Aux, ConvBn, example


def body(net):
    """The network without auxiliary heads: their outputs are not computed."""
    net = copy.deepcopy(net).train()
    for head in [m for m in net.modules() if isinstance(m, Aux)]:
        head.forward = lambda x: None
    return net


def weights(net):
    return [(k, m) for k, m in net.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear)) and not k.startswith("aux")]


def grad_norm(net, x, y):
    net = body(net)
    F.cross_entropy(net(x)[0], y).backward()
    return sum(m.weight.grad.norm().item() for _, m in weights(net))


def synflow(net):
    net = body(net)
    for m in net.modules():
        if isinstance(m, ConvBn):
            m.bn = nn.Identity()
    with torch.no_grad():
        for p in net.parameters():
            p.abs_()
    net(torch.ones(1, 3, SIZE, SIZE, dtype=torch.float64))[0].sum().backward()
    return torch.log(sum((m.weight * m.weight.grad).sum() for _, m in weights(net))).item()


def naswot(net, x):
    net = body(net)
    kernel = torch.zeros(len(x), len(x), dtype=torch.float64)

    def watch(_, __, y):
        on = (y.flatten(1) > 0).double()
        kernel.add_(on @ on.T + (1 - on) @ (1 - on).T)

    for k, m in net.named_modules():
        if isinstance(m, ConvBn) and not k.startswith("aux"):
            m.register_forward_hook(watch)
    with torch.no_grad():
        net(x)
    return torch.linalg.slogdet(kernel).logabsdet.item()


def main():
    net, x, y = example()
    golden = {"grad_norm": grad_norm(net, x, y), "synflow": synflow(net), "naswot": naswot(net, x)}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")
    print(golden)


if __name__ == "__main__":
    main()
