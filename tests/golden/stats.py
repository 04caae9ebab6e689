"""Golden values of `src/stats`, from SciPy, NumPy and statsmodels.

Writes stats.json. Needs `pip install numpy scipy statsmodels`.

    python tests/golden/stats.py

All data are multiples of 1/65536 or small whole numbers, so that sums, differences and ties are exact.
"""
import json
import pathlib
import warnings

import numpy as np
import pandas
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(20140917)


def fine(n, shift=0.0):
    """Values without ties or zeros (checked), about normal around `shift`."""
    while True:
        x = np.round((rng.normal(size=n) + shift) * 65536) / 65536
        if len(set(np.abs(x))) == n and 0 not in x:
            return x


def coarse(n, shift=0.0):
    """Values with ties and zeros."""
    return np.round(rng.normal(size=n) * 2 + shift)


def correlations():
    for n in (2, 3, 6, 30, 200):
        for draw in (fine, coarse):
            x = draw(n)
            y = np.round(x + draw(n)) if draw is coarse else x * 0.5 + draw(n)
            if len(set(x)) > 1 and len(set(y)) > 1:
                yield {"x": x, "y": y, "kendall": stats.kendalltau(x, y, variant="b").statistic,
                       "spearman": stats.spearmanr(x, y).statistic}


def wilcoxon():
    cases = [fine(1), fine(2, 2.0), fine(6), fine(6, 2.0), fine(30, 0.3), fine(50, -0.2), fine(51, 0.2), fine(200, 0.1)]
    cases += [coarse(n, 0.5) for n in (6, 13, 14, 30, 50, 51, 200)]
    # A zero but no ties; ties but no zero; one difference left.
    cases += [np.append(fine(12), 0.0), np.append(fine(13), 0.0), np.append(fine(50), 0.0),
              np.array([1.0, -1.0, 1.0, 2.0, 3.0]), np.array([0.0, 0.0, -2.0])]
    for d in cases:
        p = {side: stats.wilcoxon(d, zero_method="wilcox", correction=False, method="auto", alternative=side)
             for side in ("two-sided", "greater")}
        nonzero = d[d != 0]
        ranks = stats.rankdata(np.abs(nonzero))
        favourable = ranks[nonzero > 0].sum() / ranks.sum()
        yield {"differences": d, "positive_ranks": p["greater"].statistic, "two_sided": p["two-sided"].pvalue,
               "greater": p["greater"].pvalue, "effect": favourable - (1 - favourable)}


def holm():
    for p in ([0.3], [0.01, 0.04, 0.03, 0.005], [0.02, 0.02, 0.5, 1.0, 0.0], rng.uniform(size=30)):
        yield {"p": p, "adjusted": multipletests(p, method="holm")[1]}


def mcnemars():
    for b, c in [(0, 0), (1, 0), (0, 6), (5, 5), (5, 6), (3, 17), (40, 60), (1000, 1100), (20, 90), (5000, 5000)]:
        yield {"first": b, "second": c, "p": mcnemar([[0, b], [c, 0]], exact=True).pvalue}


def lcg(seed):
    """The generator that the test has too."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 33


def bootstrap():
    for n, resamples in [(6, 200), (30, 500), (200, 300)]:
        x = fine(n)
        draws = lcg(n)
        means = [np.mean([x[next(draws) % n] for _ in range(n)]) for _ in range(resamples)]
        yield {"values": x, "resamples": resamples, "seed": n, "interval": np.quantile(means, [0.025, 0.975])}


def samples():
    for x in (fine(1), fine(2), fine(3), fine(4), fine(6), coarse(30), fine(30), fine(200, 5.0)):
        case = {"values": x, "quartiles": np.quantile(x, [0.25, 0.5, 0.75]), "median": np.median(x),
                "odd_quantiles": np.quantile(x, [0.0, 0.05, 0.9, 1.0]), "mean": np.mean(x)}
        if len(x) > 1:
            error = stats.sem(x)
            low, high = stats.t.interval(0.95, len(x) - 1, loc=np.mean(x), scale=error)
            case |= {"standard_error": error, "low": low, "high": high}
        yield case


def crossed():
    """Two-way tables; the mean squares are those of statsmodels' analysis of variance."""
    for rows, columns in [(2, 2), (3, 7), (5, 40), (8, 3)]:
        for of_rows, of_columns in [(0.0, 0.0), (1.0, 0.2), (0.2, 1.0)]:
            shift_rows, shift_columns = fine(rows) * of_rows, fine(columns) * of_columns
            noise = fine(rows * columns).reshape(rows, columns)
            table = np.round((shift_rows[:, None] + shift_columns + noise + 0.5) * 65536) / 65536
            row, column = np.indices(table.shape)
            frame = pandas.DataFrame({"row": row.ravel(), "column": column.ravel(), "value": table.ravel()})
            squares = anova_lm(ols("value ~ C(row) + C(column)", frame).fit())
            parts = [squares.mean_sq[name] for name in ("C(row)", "C(column)", "Residual")]
            freedoms = [rows - 1, columns - 1, (rows - 1) * (columns - 1)]
            variance = max(parts[0] + parts[1] - parts[2], parts[0], parts[1])
            freedom = variance**2 / sum(part**2 / freedom for part, freedom in zip(parts, freedoms))
            freedom = max(int(freedom), min(rows, columns) - 1)
            error = np.sqrt(variance / table.size)
            low, high = stats.t.interval(0.95, freedom, loc=table.mean(), scale=error)
            yield {"rows": table, "mean": table.mean(), "low": low, "high": high,
                   "p": 2 * stats.t.sf(abs(table.mean() / error), freedom)}


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, np.ndarray)):
        return [plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


def main():
    # statsmodels and SciPy warn of small samples.
    warnings.simplefilter("ignore")
    golden = {
        "correlations": correlations(), "wilcoxon": wilcoxon(), "holm": holm(),
        "mcnemar": mcnemars(), "bootstrap": bootstrap(), "samples": samples(),
        "normal": ({"z": z, "above": stats.norm.sf(z)} for z in (-9.0, -3.5, -1.0, 0.0, 0.5, 2.5, 3.0, 3.25, 6.0, 20.0)),
        "student": ({"freedom": n, "central": stats.t.ppf(0.975, n)} for n in (1, 2, 3, 4, 5, 10, 31, 100, 1000)),
        "crossed": crossed(),
    }
    # One case a line.
    parts = [f'"{name}": [\n' + ",\n".join(json.dumps(plain(case), allow_nan=False) for case in cases) + "\n]"
             for name, cases in golden.items()]
    pathlib.Path(__file__).with_suffix(".json").write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
