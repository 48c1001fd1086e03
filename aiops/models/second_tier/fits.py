"""Forecasts by statsmodels and scikit-learn: what a worker does for one series. Each has the shape of a first-tier method.

Parameters are estimated twice: on what lies before the earliest origin, for every origin, so that errors there are honest; and
on all of it, for the forecast itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from aiops.core.records import Floats
from aiops.models import conformal
from aiops.models.harmonic import harmonic
from aiops.models.hourly import Past

WAVES = 4
ITERATIONS = 60
SEED = 0
FEWEST_DAYS, COMPONENTS = 5, 3
TREES, STRANGE = 100, 0.03
LAST = 3
"""Hours at the end that are never replaced: whether they are an incident or a new level is not known yet."""
LAGS = (1, 2, 3, 6, 12, 24)
SPREAD_LEADS = 12
ORIGINS_APART = 3
ORIGINS = (0, 2, 4, 6)
"""Which of the rolling origins a slow model is tried from."""
LEAST_DAYS = {"pca": FEWEST_DAYS}
"""Days that must lie before an origin for a model to be tried from it, where two are not enough."""


def fitted(values: Floats, kind: str, season: int, step_s: int) -> Floats:
    """One series' path, scales and quantiles, one after the other, as `conformal.Fitted` has them.

    `values` (t,) float32 as in `Past`. Raises ValueError when it is too short.
    """
    past = Past(np.zeros(1, np.int64), values[None], np.zeros(1), np.ones(1), step_s, season)
    ends = [past.ends[i] for i in ORIGINS if i < len(past.ends)]
    known = [end for end in ends if end >= LEAST_DAYS.get(kind, 2) * season]
    found = conformal.fitted({kind: KINDS[kind]}, past, known)
    if found is None:
        raise ValueError("too short for a rolling origin")
    return np.concatenate([found.path[0], found.scales[0], found.quantiles[0]])


def ets(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """Additive errors, trend and season; the trend damped or not, as the smaller AIC says."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    def model(x: Floats, damped: bool) -> Any:
        return ETSModel(x, error="add", trend="add", damped_trend=damped, seasonal="add", seasonal_periods=season)

    def fit(x: Floats) -> Any:
        found = [(damped, model(x, damped).fit(disp=False, maxiter=ITERATIONS)) for damped in (True, False)]
        damped, best = min(found, key=lambda one: (not np.isfinite(one[1].aic), one[1].aic))
        return damped, best.params

    return _each(y, ends, fit, lambda x, ahead, chosen: model(x, chosen[0]).smooth(chosen[1]).forecast(ahead))


def sarimax(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """ARIMA(1,0,1) errors around a line and daily waves."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    def model(x: Floats) -> Any:
        return SARIMAX(x, exog=_waves(np.arange(len(x)), season), order=(1, 0, 1), trend="ct")

    def forecast(x: Floats, ahead: int, params: Any) -> Any:
        return model(x).filter(params).forecast(ahead, exog=_waves(len(x) + np.arange(ahead), season))

    return _each(y, ends, lambda x: model(x).fit(disp=False, maxiter=ITERATIONS).params, forecast)


def components(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """A local linear trend, daily waves whose shape may drift, and noise, by the Kalman filter."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    def model(x: Floats) -> Any:
        waves = [{"period": season, "harmonics": WAVES}]
        return UnobservedComponents(x, level="lltrend", freq_seasonal=waves)

    return _each(y, ends, lambda x: model(x).fit(disp=False, maxiter=ITERATIONS).params,
                 lambda x, ahead, params: model(x).filter(params).forecast(ahead))  # fmt: skip


def boosted(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """Gradient boosting on what is left beside the usual day and the drift from day to day.

    It sees lags, recent means, yesterday's same hour, the hour and the lead.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    def fit(x: Floats) -> Any:
        x = x - _pace(x, season) * np.arange(len(x))
        begin, leads = 2 * season, np.unique(np.geomspace(1, conformal.TRIED, SPREAD_LEADS).astype(int))
        origins = np.arange(begin, len(x) - 1, ORIGINS_APART)
        origin, lead = (a.ravel() for a in np.meshgrid(origins, leads, indexing="ij"))
        known = origin + lead <= len(x)
        origin, lead = origin[known], lead[known]
        target = x[origin + lead - 1] - _usual(x, origin, lead, season)
        learner = HistGradientBoostingRegressor(
            loss="absolute_error", max_iter=ITERATIONS, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=40,
            early_stopping=False, random_state=SEED,
        )  # fmt: skip
        return learner.fit(_features(x, origin, lead, season), target)

    def forecast(x: Floats, ahead: int, learner: Any) -> Any:
        origin, lead = np.full(ahead, len(x)), np.arange(1, ahead + 1)
        near = np.minimum(lead, conformal.TRIED)
        pace = _pace(x, season)
        drift, x = pace * (len(x) + np.arange(ahead)), x - pace * np.arange(len(x))
        return drift + _usual(x, origin, lead, season) + learner.predict(_features(x, origin, near, season))

    return _each(y, ends, fit, forecast)


def pca(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """Days as points: the mean day, and as much of three principal components as the last day had, fading day by day."""
    from sklearn.decomposition import PCA

    def forecast(x: Floats, ahead: int, _: Any) -> Any:
        pace, days = _pace(x, season), len(x) // season
        if days < FEWEST_DAYS:
            raise ValueError("too few days")
        level = x - pace * np.arange(len(x))
        curves = level[len(x) - days * season :].reshape(days, season)
        found = PCA(n_components=COMPONENTS, svd_solver="full").fit(curves)
        scores = found.transform(curves)
        rho = np.clip((scores[1:] * scores[:-1]).sum(axis=0) / np.maximum((scores**2).sum(axis=0), 1e-30), 0.0, 0.99)
        count = -(-ahead // season)
        later = np.stack([scores[-1] * rho**k for k in range(1, count + 1)])
        return found.inverse_transform(later).ravel()[:ahead] + pace * (len(x) + np.arange(ahead))

    return _each(y, ends, lambda x: None, forecast)


def isolation(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """The harmonic forecast of a past in which hours that an isolation forest finds strange are replaced by the usual ones."""
    from sklearn.ensemble import IsolationForest

    def forecast(x: Floats, ahead: int, _: Any) -> Any:
        whole = x[len(x) % season :]
        usual = np.tile(np.median(whole.reshape(-1, season), axis=0), len(whole) // season)
        rest = whole - usual
        before = np.concatenate([rest[:1], rest[:-1]])
        features = np.stack([rest, rest - before, 0.5 * (rest + before)], axis=1)
        forest = IsolationForest(n_estimators=TREES, contamination=STRANGE, random_state=SEED)
        clean = np.where(forest.fit_predict(features) < 0, usual + np.median(rest), whole)
        clean[-LAST:] = whole[-LAST:]
        return harmonic(clean[None], {len(clean): ahead}, season)[len(clean)][0]

    return _each(y, ends, lambda x: None, forecast)


def _pace(x: Floats, season: int) -> float:
    """The median gain from day to day, an hour's share of it."""
    return float(np.median(x[season:] - x[:-season])) / season


def _usual(x: Floats, origin: Any, lead: Any, season: int) -> Floats:
    """What the days before an origin had on average at the hour of a lead; two days or more."""
    days = np.arange(1, 8)
    at = (origin + (lead - 1) % season)[:, None] - days * season
    known = at >= 0
    return np.asarray(np.where(known, x[np.maximum(at, 0)], 0).sum(axis=1) / known.sum(axis=1))


def _features(x: Floats, origin: Any, lead: Any, season: int) -> Floats:
    sums = np.concatenate([[0.0], np.cumsum(x)])
    mean = [(sums[origin] - sums[origin - w]) / w for w in (season // 4, season, 2 * season)]
    base = mean[1]
    columns = [x[origin - lag] - base for lag in LAGS] + [mean[0] - base, mean[2] - base, lead, (origin + lead) % season]
    columns.append(x[origin + (lead - 1) % season - season] - base)
    return np.stack(columns, axis=1)


def _each(y: Floats, ends: Mapping[int, int], fit: Any, forecast: Any) -> dict[int, Floats]:
    """Forecasts of `y` (1, t): origins by the parameters of the earliest, the last end by those of everything before it."""
    x = y[0].astype(np.float64)
    last, first = max(ends), min(ends)
    early = fit(x[:first]) if first < last else None
    late = fit(x[:last])
    paths = {end: np.asarray(forecast(x[:end], ahead, late if end == last else early)) for end, ahead in ends.items()}
    if not all(np.isfinite(path).all() for path in paths.values()):
        raise ValueError("the fit runs away")
    return {end: path[None].astype(np.float32) for end, path in paths.items()}


def _waves(t: Any, season: int) -> Floats:
    angle = 2 * np.pi * np.arange(1, WAVES + 1) * t[:, None] / season
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


KINDS = {"ets": ets, "sarimax": sarimax, "components": components, "boosted": boosted, "pca": pca, "isolation": isolation}
