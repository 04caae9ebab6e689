"""How often the 95 % interval of `stats::crossed` holds the true mean: the least and the most over ratios of the variances.

Run by hand (numpy, scipy); the docstring of `crossed` has the figures. Mean squares are drawn from their distributions, so
this says nothing of values that are far from normal.
"""

import itertools

import numpy as np
from scipy import stats

rng = np.random.default_rng(1)
TABLES, COLUMNS = 20_000, 2_000


def coverage(rows, of_rows, of_columns):
    """Of tables whose rows and columns vary by so many times the variance of the rest."""
    freedoms = [rows - 1, COLUMNS - 1, (rows - 1) * (COLUMNS - 1)]
    scales = [1 + of_rows, 1 + of_columns, 1]
    squares = [scale * rng.chisquare(df, TABLES) / df for scale, df in zip(scales, freedoms)]
    variance = np.maximum.reduce([squares[0] + squares[1] - squares[2], squares[0], squares[1]])
    freedom = variance**2 / sum(square**2 / df for square, df in zip(squares, freedoms))
    freedom = np.maximum(np.floor(freedom), min(rows, COLUMNS) - 1)
    mean = rng.normal(size=TABLES) * np.sqrt(1 + of_rows + of_columns)
    return np.mean(np.abs(mean) <= np.sqrt(variance) * stats.t.ppf(0.975, freedom))


for rows in (2, 3, 5, 10):
    ratios = itertools.product((0, 0.3, 1, 2, 4, 8, 20, 60), (0, 0.1, 0.3, 1, 2, 3))
    held = [coverage(rows, *ratio) for ratio in ratios]
    print(f"{rows} rows: {min(held):.3f} to {max(held):.3f}")
