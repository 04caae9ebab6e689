"""Golden means and marginal-likelihood slopes of Gaussian processes, from scikit-learn.

Writes gp.json. Needs `pip install scikit-learn`.

    python tests/golden/gp.py

The kernel is a Matern of order 5/2 with a length scale for every axis, plus noise. Slopes are those of the log marginal
likelihood by the logarithms of the length scales, then of the noise.
"""
import json
import pathlib

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

rng = np.random.default_rng(2006)


def case(count, axes):
    inputs = rng.uniform(size=(count, axes)).round(3)
    targets = (np.sin(3 * inputs.sum(axis=1)) + 0.1 * rng.normal(size=count)).round(3)
    asked = rng.uniform(-0.2, 1.2, size=(5, axes)).round(3)
    scales = rng.uniform(0.3, 3.0, size=axes).round(3)
    signal, noise = rng.uniform(0.5, 2.0), rng.uniform(0.005, 0.2)
    kernel = ConstantKernel(signal) * Matern(scales, nu=2.5) + WhiteKernel(noise)
    process = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(inputs, targets)
    _, slopes = process.log_marginal_likelihood(process.kernel_.theta, eval_gradient=True)
    return {
        "inputs": inputs.tolist(),
        "targets": targets.tolist(),
        "length_scales": scales.tolist(),
        "signal": signal,
        "noise": noise,
        "asked": asked.tolist(),
        "means": process.predict(asked).tolist(),
        # The first is by the signal, which is not fitted.
        "slopes": slopes[1:].tolist(),
    }


def main():
    lines = [json.dumps(case(count, axes), separators=(",", ":")) for count, axes in [(1, 1), (5, 2), (12, 3), (33, 6)]]
    pathlib.Path(__file__).with_suffix(".json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
