"""The forecasters of the second tier: statsmodels and scikit-learn behind the same interface as all others."""

from __future__ import annotations

from aiops.models.second_tier import tier


class EtsParams(tier.TierParams):
    """Parameters of `Ets`."""


class Ets(tier.SecondTier[EtsParams]):
    """y = l + phi b + s + e, a state space model with additive errors, trend and a season of 24 h, by likelihood.

    statsmodels' ETSModel, at most 60 iterations; phi below 1 or 1, as the smaller AIC says.
    Fitted by a worker process (0.7 CPU s a series), every `every_s`, for the series that may cross within the horizon, the
    nearest first; within a deadline and a budget, and until there is an answer the path is that of `combined`. Interval:
    split-conformal from up to four rolling origins, whose parameters are estimated before the earliest. Units: the block's;
    hourly means, at least three days; NaN, constant and short rows stay with `combined`.

    Source: Hyndman et al. 2008, Forecasting with Exponential Smoothing, 2.5 and 5; statsmodels, ETSModel.

    >>> Ets(EtsParams(), 60).initial(2)["second"].tolist()
    [False, False]
    """

    Params = EtsParams
    kind = "ets"


class SarimaxParams(tier.TierParams):
    """Parameters of `Sarimax`."""


class Sarimax(tier.SecondTier[SarimaxParams]):
    """y = c + b t + 4 daily waves + u, u an ARMA(1,1), by the exact likelihood of its state space form.

    statsmodels' SARIMAX with order (1,0,1) and waves as regressors, at most 60 iterations: cheaper than a seasonal order.
    Fitted by a worker process (1.0 CPU s a series), every `every_s`, for the series that may cross within the horizon, the
    nearest first; within a deadline and a budget, and until there is an answer the path is that of `combined`. Interval:
    split-conformal from up to four rolling origins, whose parameters are estimated before the earliest. Units: the block's;
    hourly means, at least three days; NaN, constant and short rows stay with `combined`.

    Source: Durbin & Koopman 2012, Time Series Analysis by State Space Methods, 3.4; statsmodels, SARIMAX.

    >>> Sarimax(SarimaxParams(), 60).initial(2)["second"].tolist()
    [False, False]
    """

    Params = SarimaxParams
    kind = "sarimax"


class ComponentsParams(tier.TierParams):
    """Parameters of `Components`."""


class Components(tier.SecondTier[ComponentsParams]):
    """y = level + 4 daily waves + e; the level has a slope, and level, slope and waves all drift, by the Kalman filter.

    statsmodels' UnobservedComponents (local linear trend, trigonometric season), at most 60 iterations.
    Fitted by a worker process (0.5 CPU s a series), every `every_s`, for the series that may cross within the horizon, the
    nearest first; within a deadline and a budget, and until there is an answer the path is that of `combined`. Interval:
    split-conformal from up to four rolling origins, whose parameters are estimated before the earliest. Units: the block's;
    hourly means, at least three days; NaN, constant and short rows stay with `combined`.

    Source: Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter, 2.3; statsmodels, UnobservedComponents.

    >>> Components(ComponentsParams(), 60).initial(2)["second"].tolist()
    [False, False]
    """

    Params = ComponentsParams
    kind = "components"


class BoostedParams(tier.TierParams):
    """Parameters of `Boosted`."""


class Boosted(tier.SecondTier[BoostedParams]):
    """y(o + h) = daily drift + mean of 7 days at that hour + f(lags, recent means, hour, h), f boosted trees.

    scikit-learn's HistGradientBoostingRegressor, 60 trees of 15 leaves, absolute error, one model for all leads up to 72 h.
    Fitted by a worker process (0.1 CPU s a series), every `every_s`, for the series that may cross within the horizon, the
    nearest first; within a deadline and a budget, and until there is an answer the path is that of `combined`. Interval:
    split-conformal from up to four rolling origins, whose parameters are estimated before the earliest. Units: the block's;
    hourly means, at least three days; NaN, constant and short rows stay with `combined`.

    Source: Friedman 2001, Greedy function approximation: a gradient boosting machine; scikit-learn,
    HistGradientBoostingRegressor.

    >>> Boosted(BoostedParams(), 60).initial(2)["second"].tolist()
    [False, False]
    """

    Params = BoostedParams
    kind = "boosted"


class PcaParams(tier.TierParams):
    """Parameters of `Pca`."""


class Pca(tier.SecondTier[PcaParams]):
    """day(d + k) = mean day + sum of 3 principal components times the last day's scores times rho^k, + daily drift.

    scikit-learn's PCA of the days of the past, five or more; rho is each component's correlation from day to day.
    Fitted by a worker process (under 0.01 CPU s a series), every `every_s`, for the series that may cross within the horizon, the
    nearest first; within a deadline and a budget, and until there is an answer the path is that of `combined`. Interval:
    split-conformal from up to four rolling origins, whose parameters are estimated before the earliest. Units: the block's;
    hourly means, at least six days, for an origin needs five before it; NaN, constant and short rows stay with `combined`.

    Source: Hyndman & Ullah 2007, Robust forecasting of mortality and fertility rates: a functional data approach;
    scikit-learn, PCA.

    >>> Pca(PcaParams(), 60).initial(2)["second"].tolist()
    [False, False]
    """

    Params = PcaParams
    kind = "pca"


class IsolationParams(tier.TierParams):
    """Parameters of `Isolation`."""


class Isolation(tier.SecondTier[IsolationParams]):
    """The path of `harmonic` of a past whose strange hours, 3 of 100 by an isolation forest, are replaced by the usual ones.

    The forest sees what is left beside the usual day, its change and its mean over two hours; the last three hours stay.
    Fitted by a worker process (0.3 CPU s a series), every `every_s`, for the series that may cross within the horizon, the
    nearest first; within a deadline and a budget, and until there is an answer the path is that of `combined`. Interval:
    split-conformal from up to four rolling origins, whose parameters are estimated before the earliest. Units: the block's;
    hourly means, at least three days; NaN, constant and short rows stay with `combined`.

    Source: Liu, Ting & Zhou 2008, Isolation Forest; scikit-learn, IsolationForest.

    >>> Isolation(IsolationParams(), 60).initial(2)["second"].tolist()
    [False, False]
    """

    Params = IsolationParams
    kind = "isolation"
