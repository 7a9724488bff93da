"""How well true volumes predict age, and how the distribution of training ages changes the bias.

Usage: python benchmarks/population.py

A regression (gradient boosting on tissue fraction, log ventricles and cranial cavity) is trained on people of
the synthetic population, and on people whose ages are drawn uniformly; both are tested on uniformly drawn
ages. Printed: mean absolute error, r, and bias by age band, in years.
"""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from neurofm_bids.pretrain.evaluation.metrics import AGE_BANDS
from neurofm_bids.pretrain.synthesis.population import AGE_POWER, draw_person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

PEOPLE = 12000


def draw(power, seed):
    """Return predictors (n, 3) and ages of people."""
    people = [draw_person(RandomFields((seed, n)), power) for n in range(PEOPLE)]
    people = [p for p in people if p.age_years]
    predictors = [(p.brain_ml / p.cranium_ml, np.log(p.lateral_ml), p.cranium_ml) for p in people]
    return np.array(predictors), np.array([p.age_years for p in people])


def main():
    predictors, ages = draw(1.0, 1)
    for name, power in (("as in training", AGE_POWER), ("uniform", 1.0)):
        model = HistGradientBoostingRegressor(max_iter=100, random_state=0).fit(*draw(power, 2))
        gap = model.predict(predictors) - ages
        r = np.corrcoef(gap + ages, ages)[0, 1]
        bands = [f"{a}-{b}: {gap[(ages >= a) & (ages < b)].mean():+.1f}" for a, b in AGE_BANDS]
        print(f"ages {name}: MAE {np.abs(gap).mean():.1f}, r {r:.2f}, bias {', '.join(bands)}")


if __name__ == "__main__":
    main()
