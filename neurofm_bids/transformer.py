"""NeuroFM features as a step of scikit-learn pipelines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from neurofm_bids.config import Processing

if TYPE_CHECKING:
    from neurofm_bids.api import NeuroFM, Source

__all__ = ["NeuroFMFeatures"]


class NeuroFMFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Transform T1-weighted images into NeuroFM features; nothing is fitted.

    Parameters
    ----------
    model, weights, device, views, batch_size, precision
        As of :class:`~neurofm_bids.api.NeuroFM`.
    prepared
        The images are skull-stripped brains or model-grid arrays, for :meth:`NeuroFM.encode`. If False each
        goes through the whole pipeline of :meth:`NeuroFM.predict`.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> clone(NeuroFMFeatures(views=2)).get_feature_names_out()[:2].tolist()
    ['f000', 'f001']
    """

    def __init__(
        self,
        model: str = Processing.model,
        *,
        weights: str | Path | None = None,
        device: str = Processing.device,
        views: int = Processing.views,
        batch_size: int | None = Processing.batch_size,
        precision: str = Processing.precision,
        prepared: bool = False,
    ) -> None:
        self.model = model
        self.weights = weights
        self.device = device
        self.views = views
        self.batch_size = batch_size
        self.precision = precision
        self.prepared = prepared

    def fit(self, X: Iterable[Source], y: object = None) -> NeuroFMFeatures:  # noqa: N803
        """Return self: the model is pretrained."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, X: Iterable[Source]) -> NDArray[np.float32]:  # noqa: N803
        """Return the features of images, float32, shape (images, features).

        Raises
        ------
        neurofm_bids.errors.NeuroFMError
            An image cannot be used; the message says which and why.
        """
        model = self._loaded()
        results = model.encode(X) if self.prepared else map(model.predict, X)
        rows = [item.features for item in results]
        return np.stack(rows) if rows else np.empty((0, model.spec.latent_size), dtype=np.float32)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return the names that tables of features use: ``f000`` onwards."""
        from neurofm_bids.model.registry import model_spec
        from neurofm_bids.records.columns import feature_columns

        return np.array(feature_columns(model_spec(self.model).latent_size), dtype=object)

    def _loaded(self) -> NeuroFM:
        from neurofm_bids.api import NeuroFM

        settings = {name: value for name, value in self.get_params().items() if name != "prepared"}
        if getattr(self, "_cache", (None, None))[0] != settings:
            self._cache: tuple[dict[str, Any], NeuroFM] = (settings, NeuroFM(**settings))
        return self._cache[1]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the network out of pickles and caches: it is loaded again where it is needed."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_cache"}
