"""Ten steps of PyTorch's SGD with Nesterov momentum, weight decay and a falling learning rate.

The golden values of `src/train/optimizer.rs`. Needs `pip install torch`.

    python tests/golden/sgd.py

The parameter starts at [1, -2, 0.5]; the gradient of step t (from 0) is `w * [1, 0.5, -0.25] + 0.1 * t`, the learning
rate `0.1 * (10 - t) / 10`, momentum 0.9. Printed with and without a weight decay of 0.05.
"""
import torch

for decay in (0.05, 0.0):
    w = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
    sgd = torch.optim.SGD([w], lr=0.1, momentum=0.9, nesterov=True, weight_decay=decay)
    for t in range(10):
        sgd.param_groups[0]["lr"] = 0.1 * (10 - t) / 10
        w.grad = w.detach() * torch.tensor([1.0, 0.5, -0.25]) + 0.1 * t
        sgd.step()
    print(decay, [round(v, 6) for v in w.tolist()])
