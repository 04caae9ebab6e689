"""Has ONNX's checker and onnxruntime look at what the export tests wrote.

Needs `pip install numpy onnx onnxruntime`.

    mkdir out && INCEPTION_NAS_EXPORT_OUT=$PWD/out cargo test --release onnx && python tests/golden/onnx_check.py out
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

out = pathlib.Path(sys.argv[1])
for name in ("folded", "plain"):
    path = str(out / f"{name}.onnx")
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    _, channels, height, width = session.get_inputs()[0].shape
    for images in (1, 5):
        x = np.fromfile(out / f"images{images}.f32", np.float32).reshape(images, channels, height, width)
        ours = np.fromfile(out / f"logits{images}.f32", np.float32).reshape(images, -1)
        (theirs,) = session.run(None, {"images": x})
        apart = np.abs(ours - theirs).max()
        print(f"{name}.onnx, {images} images: onnxruntime {onnxruntime.__version__} differs by {apart:.1e}")
        assert ours.shape == theirs.shape and apart < 1e-4
