"""Print, and draw, what a training of features reached on samples of held-out label maps.

Usage: python benchmarks/learning_curve.py RUN [FIGURE.png]

RUN holds ``checkpoint.safetensors`` and ``training.jsonl``. Hours are those of the clock, over all parts of
an interrupted training; what a killed part did after its last checkpoint is not counted.
"""

import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

from neurofm_bids.option import make
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.trainer import read_checkpoint

COLUMNS = {
    "loss": "loss",
    "lateral_mae": "ventricles, MAE (ml)",
    "lateral_log_r": "ventricles, log r",
    "brain_mae": "brain, MAE (ml)",
    "brain_r": "brain, r",
    "age_mae": "age, MAE (years)",
    "age_r": "age, r",
    "sex_auc": "sex, AUC",
    "participation_ratio": "participation ratio",
    "shares_r": "shares, mean r",
}
DRAWN = ("loss", "lateral_log_r", "brain_r", "age_r", "participation_ratio", "shares_r")


def distinct(recipe, step):
    """Return the number of different volumes that have been used before a step."""
    shuffle, offset = divmod(step * recipe.batch_size, recipe.round_size)
    number, repeat = divmod(shuffle, recipe.passes)
    return number * recipe.round_size + (recipe.round_size if repeat else offset)


def main():
    run = Path(sys.argv[1])
    _, metadata = read_checkpoint(run / "checkpoint.safetensors")
    recipe = make(Recipe, metadata["recipe"])
    rows = [json.loads(line) for line in (run / "training.jsonl").read_text().splitlines()]
    measured = [row for row in rows if row.get("shares_r") is not None]
    if not measured:
        sys.exit(f"{run}: no features were measured; this needs 32 held-out samples")
    print(f"| step | volumes | hours | {' | '.join(COLUMNS.values())} |\n|{' --- |' * (len(COLUMNS) + 3)}")
    for row in measured:
        values = " | ".join(f"{row[name]:.4g}" for name in COLUMNS)
        print(f"| {row['step']} | {distinct(recipe, row['step'])} | {row['seconds'] / 3600:.1f} | {values} |")
    if len(sys.argv) > 2:
        figure = Figure(figsize=(9, 4.5), layout="constrained")
        for axes, name in zip(figure.subplots(2, 3).flat, DRAWN, strict=True):
            shown = rows if name == "loss" else measured
            axes.plot([row["step"] for row in shown], [row[name] for row in shown], ".-", ms=4)
            axes.set_title(COLUMNS[name], fontsize=9)
            axes.set_xlabel("step", fontsize=8)
        figure.savefig(sys.argv[2], dpi=90)


if __name__ == "__main__":
    main()
