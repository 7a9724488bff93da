import pytest

from neurofm_bids.pretrain.training.recipe import SMOKE, Recipe


def test_the_learning_rate_warms_up_stays_and_decays_to_zero():
    recipe = Recipe(steps=1000, warmup_steps=100, learning_rate=1e-3, decay_fraction=0.3)
    rates = [recipe.learning_rate_at(step) for step in (0, 99, 500, 700, 850, 1000)]
    assert rates == pytest.approx([1e-5, 1e-3, 1e-3, 1e-3, 5e-4, 0])


def test_the_weight_of_the_targets_rises_to_its_final_value():
    recipe = Recipe(target_weight=(0.1, 1.1, 400), batch_size=4)
    assert [recipe.target_weight_at(step) for step in (0, 50, 100, 900)] == pytest.approx(
        [0.1, 0.6, 1.1, 1.1]
    )


def test_the_smoke_settings_are_settings_of_a_recipe():
    assert Recipe(**SMOKE).steps == 4


def test_the_learning_rate_need_not_decay():
    recipe = Recipe(steps=1000, learning_rate=1e-3, decay_fraction=0)
    assert recipe.learning_rate_at(999) == pytest.approx(1e-3)
