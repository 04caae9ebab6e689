"""PyTorch's cross-entropy with label smoothing, of a network with two auxiliary heads.

The golden values of `src/train/loss.rs`. Needs `pip install torch`.

    python tests/golden/loss.py

Logits of head h (0 main, 1 and 2 auxiliary), image i, class c are `sin(1 + 7 h + 3 i + c)`; labels are 2, 0, 1, 2.
Printed: the main head's loss, the total with weight 0.3 for each auxiliary head, and the gradients of the total for the
main head's and an auxiliary head's first image; label smoothing 0.1.
"""
import torch
import torch.nn.functional as F

heads = [torch.tensor([[1.0 + 7 * h + 3 * i + c for c in range(3)] for i in range(4)]).sin().requires_grad_()
         for h in range(3)]
labels = torch.tensor([2, 0, 1, 2])
main, *aux = [F.cross_entropy(logits, labels, label_smoothing=0.1) for logits in heads]
total = main + 0.3 * sum(aux)
total.backward()
print(f"main {main.item():.6f} total {total.item():.6f}")
print("main gradient", [round(v, 6) for v in heads[0].grad[0].tolist()])
print("aux gradient", [round(v, 6) for v in heads[2].grad[0].tolist()])
