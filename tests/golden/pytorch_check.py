"""Has PyTorch run the module that the export tests wrote.

Needs `pip install numpy torch safetensors`.

    mkdir out && INCEPTION_NAS_EXPORT_OUT=$PWD/out cargo test --release onnx && python tests/golden/pytorch_check.py out
"""
import pathlib
import sys

import numpy as np
import torch

out = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(out))
import model  # noqa: E402

network = model.load(out / "weights.safetensors").eval()
for images in (1, 5):
    shape = (images, 3, model.RESOLUTION, model.RESOLUTION)
    x = torch.from_numpy(np.fromfile(out / f"images{images}.f32", np.float32).reshape(shape))
    ours = np.fromfile(out / f"logits{images}.f32", np.float32).reshape(images, -1)
    with torch.no_grad():
        apart = np.abs(network(x).numpy() - ours).max()
    print(f"{images} images: PyTorch {torch.__version__} differs by {apart:.1e}")
    assert apart < 1e-5
