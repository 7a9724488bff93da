"""What the true volumes of a cohort tell of age, and what the choice of ages does to an estimate.

Usage: python benchmarks/cohort.py

A regression (gradient boosting on tissue share, log ventricles and cavity) learns from people drawn as the
cohort draws them, and from people whose ages are drawn evenly; both are tried on evenly drawn ages. Printed:
mean absolute error, r, and bias by age band, in years.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from neurofm_bids.pretrain import cohort
from neurofm_bids.pretrain.dice import Dice
from neurofm_bids.pretrain.scoring import AGE_BANDS

PEOPLE = 12000


def draw(power, seed):
    cohort._AGE_POWER = power
    people = [p for p in (cohort.draw_person(Dice((seed, n))) for n in range(PEOPLE)) if p.age_years]
    told = [(p.brain_ml / p.cranium_ml, np.log(p.lateral_ml), p.cranium_ml) for p in people]
    return np.array(told), np.array([p.age_years for p in people])


def main():
    usual = cohort._AGE_POWER
    told, ages = draw(1.0, 1)
    for name, power in (("as drawn", usual), ("drawn evenly", 1.0)):
        learnt = HistGradientBoostingRegressor(max_iter=100, random_state=0).fit(*draw(power, 2))
        gap = learnt.predict(told) - ages
        r = np.corrcoef(gap + ages, ages)[0, 1]
        bands = [f"{a}-{b}: {gap[(ages >= a) & (ages < b)].mean():+.1f}" for a, b in AGE_BANDS]
        print(f"ages {name}: MAE {np.abs(gap).mean():.1f}, r {r:.2f}, bias {', '.join(bands)}")


if __name__ == "__main__":
    main()
