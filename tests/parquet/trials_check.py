"""Has pandas read what `trials --parquet` wrote, and holds it against the table that `trials` prints.

    pip install pandas pyarrow
    inception-nas trials --run NAME > trials.csv
    inception-nas trials --run NAME --parquet trials.parquet
    python tests/parquet/trials_check.py trials.csv trials.parquet
"""

import sys

import pandas

TEXT = {"origin", "failure", "key"}
REAL = {
    "seconds", "screening_seconds", "accuracy", "accuracy_se", "validation_loss", "training_loss_sum", "latency_ms",
}


def main(table, file):
    # The reader of tables gets some last bits of numbers otherwise, so they are turned from text afterwards.
    kinds = {name: str for name in TEXT | REAL} | {"seed": "uint64"}
    expected = pandas.read_csv(table, dtype=kinds, keep_default_na=False, na_values=[""])
    expected = expected.astype({name: "float64" for name in REAL})
    read = pandas.read_parquet(file)
    assert len(read), "no trials"
    assert list(read.columns) == list(expected.columns), read.columns
    for name in read.columns:
        kind = "float64" if name in REAL else "uint64" if name == "seed" else "int64"
        assert name in TEXT or read[name].dtype == kind, (name, read[name].dtype)
        held, written = [
            [None if pandas.isna(value) else value for value in column[name]] for column in (read, expected)
        ]
        assert held == written, (name, held, written)
    print(f"{file}: pandas reads {len(read)} trials and {len(read.columns)} columns as they stand in {table}")


if __name__ == "__main__":
    main(*sys.argv[1:])
