"""Pictures as SVG text, to be set into a page: no fonts, no scripts, nothing fetched."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mainspring.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

INK: Final = "#1f2933"
MUTED: Final = "#7b8794"
GRID: Final = "#e4e7eb"
BLUE: Final = "#2563a8"
ORANGE: Final = "#d9742b"
RED: Final = "#c0392b"
PALE: Final = "#dbe7f3"

_STYLE: Final = {
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "text.color": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "svg.hashsalt": "mainspring",
}


@dataclass(frozen=True)
class Month:
    """What was served in one month and what became of it.

    Attributes:
        label: such as "Jun".
        model: which version answered.
        predicted: mean predicted rate.
        observed, low, high: observed rate with its interval.
        auc, auc_low, auc_high, brier, brier_low, brier_high: with intervals.
        alert: whether an alert was raised.
        warning: whether it was conspicuous without an alert.
    """

    label: str
    model: str
    predicted: float
    observed: float
    low: float
    high: float
    auc: float
    auc_low: float
    auc_high: float
    brier: float
    brier_low: float
    brier_high: float
    alert: bool
    warning: bool = False


def days_figure(
    days: Sequence[date], rates: ArrayLike, counts: ArrayLike, spans: Sequence[tuple[str, date, date]]
) -> str:
    """The share of late flights on every day, its mean over seven days, and what each part of the year was for."""
    plot = _pyplot()
    share = np.asarray(rates, dtype=float)
    weights = np.asarray(counts, dtype=float)
    with plot.rc_context(_STYLE):
        figure, axes = plot.subplots(figsize=(9.2, 2.9))
        axes.bar(days, share, width=1.0, color=PALE, linewidth=0, label="one day")
        window = np.ones(7)
        mean = np.convolve(share * weights, window, "same") / np.convolve(weights, window, "same")
        axes.plot(days, mean, color=BLUE, linewidth=1.8, label="mean of seven days")
        top = float(np.nanmax(share)) if len(share) else 1.0
        for name, first, last in spans:
            axes.annotate(
                "",
                (first, top * 1.09),
                (last, top * 1.09),
                arrowprops={"arrowstyle": "|-|,widthA=.25,widthB=.25", "color": MUTED},
            )
            axes.text(
                first + (last - first) / 2,
                top * 1.12,
                name,
                ha="center",
                va="bottom",
                color=MUTED,
                fontsize=9.5,
            )
        axes.set_ylim(0, top * 1.25)
        axes.margins(x=0.005)
        axes.yaxis.set_major_formatter(_percent())
        axes.set_ylabel("flights arriving late")
        axes.xaxis.set_major_formatter(_months())
        axes.grid(axis="x", visible=False)
        axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.1))
        return _svg(figure, "Share of flights arriving late, day by day")


def precision_recall_figure(curves: Mapping[str, tuple[ArrayLike, ArrayLike]], base_rate: float) -> str:
    """Precision against recall, one line a model, and the share of late flights as the line of no skill."""
    plot = _pyplot()
    with plot.rc_context(_STYLE):
        figure, axes = plot.subplots(figsize=(4.5, 3.7))
        axes.axhline(base_rate, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(0.01, base_rate - 0.03, f"no skill: {base_rate:.2f}", va="top", color=MUTED, fontsize=9.5)
        for (name, (precision, recall)), colour in zip(curves.items(), (MUTED, BLUE, ORANGE), strict=False):
            y, x = _thin(np.asarray(precision, dtype=float), np.asarray(recall, dtype=float))
            axes.plot(x, y, color=colour, linewidth=1.8, label=name)
        axes.set(
            xlim=(0, 1),
            ylim=(0, 1),
            xlabel="recall: late flights found",
            ylabel="precision: alarms that were right",
        )
        axes.legend(loc="upper right")
        return _svg(figure, "Precision against recall")


def calibration_figure(curves: Mapping[str, Sequence[Any]]) -> str:
    """Observed against predicted rate in bins of equal size, with 95 % limits; the diagonal is right."""
    plot = _pyplot()
    with plot.rc_context(_STYLE):
        figure, axes = plot.subplots(figsize=(4.5, 3.7))
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        top = 0.1
        for (name, bins), colour in zip(curves.items(), (BLUE, ORANGE), strict=False):
            x = np.array([item.predicted for item in bins])
            y = np.array([item.observed for item in bins])
            low = np.array([item.observed_low for item in bins])
            high = np.array([item.observed_high for item in bins])
            top = max(top, float(high.max(initial=0)), float(x.max(initial=0)))
            axes.vlines(x, low, high, color=colour, linewidth=1.2, alpha=0.55)
            axes.plot(x, y, "o-", color=colour, markersize=4.5, linewidth=1.5, label=name)
        axes.set(xlim=(0, top * 1.05), ylim=(0, top * 1.05), xlabel="predicted rate", ylabel="observed rate")
        axes.xaxis.set_major_formatter(_percent())
        axes.yaxis.set_major_formatter(_percent())
        axes.legend(loc="upper left")
        return _svg(figure, "Observed against predicted rate")


def months_figure(months: Sequence[Month]) -> str:
    """Predicted and observed rate a month; alerts are ringed; the models that answered below."""
    plot = _pyplot()
    at = np.arange(len(months))
    with plot.rc_context(_STYLE):
        figure, axes = plot.subplots(figsize=(9.2, 3.3))
        _model_bands(axes, months)
        observed = np.array([month.observed for month in months])
        low = np.array([month.low for month in months])
        high = np.array([month.high for month in months])
        axes.vlines(at, low, high, color=ORANGE, linewidth=2)
        axes.plot(
            at, observed, "o", color=ORANGE, markersize=7, label="observed, 95 % interval (days as clusters)"
        )
        axes.plot(
            at,
            [month.predicted for month in months],
            "_",
            color=BLUE,
            markersize=22,
            markeredgewidth=2.6,
            label="predicted",
        )
        tips = [float(np.nanmax([month.high, month.observed, month.predicted])) for month in months]
        top = max(tips, default=1.0)
        for place, month, tip in zip(at, months, tips, strict=True):
            if month.alert:
                axes.plot(
                    place,
                    month.observed,
                    "o",
                    markersize=17,
                    markerfacecolor="none",
                    markeredgecolor=RED,
                    markeredgewidth=1.6,
                )
                axes.text(
                    place,
                    tip + top * 0.04,
                    "alert",
                    ha="center",
                    color=RED,
                    fontweight="bold",
                )
            elif month.warning:
                axes.text(
                    place,
                    tip + top * 0.04,
                    "conspicuous",
                    ha="center",
                    color=MUTED,
                )
        axes.set_xticks(at, [month.label for month in months])
        axes.set_ylim(0, top * 1.2)
        axes.set_xlim(-0.6, max(len(months) - 0.4, 0.6))
        axes.yaxis.set_major_formatter(_percent())
        axes.set_ylabel("late, of served flights")
        axes.grid(axis="x", visible=False)
        axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.1))
        return _svg(figure, "Predicted and observed rate, month by month")


def performance_figure(months: Sequence[Month]) -> str:
    """ROC AUC and Brier score a month, with intervals."""
    plot = _pyplot()
    at = np.arange(len(months))
    with plot.rc_context(_STYLE):
        figure, both = plot.subplots(1, 2, figsize=(9.2, 2.7))
        for axes, name, title in zip(
            both,
            ("auc", "brier"),
            ("ROC AUC (higher is better)", "Brier score (lower is better)"),
            strict=True,
        ):
            _model_bands(axes, months, names=False)
            low = [getattr(month, f"{name}_low") for month in months]
            high = [getattr(month, f"{name}_high") for month in months]
            axes.vlines(at, low, high, color=BLUE, linewidth=1.8, alpha=0.6)
            axes.plot(
                at, [getattr(month, name) for month in months], "o-", color=BLUE, markersize=5, linewidth=1.2
            )
            axes.set_xticks(at, [month.label for month in months])
            axes.set_xlim(-0.6, max(len(months) - 0.4, 0.6))
            axes.set_title(title, loc="left", fontsize=10.5, color=INK)
            axes.grid(axis="x", visible=False)
        figure.tight_layout(w_pad=2.5)
        return _svg(figure, "ROC AUC and Brier score, month by month")


def duel_figure(rows: Sequence[tuple[str, str, float, float, float]]) -> str:
    """ROC AUC of two models on the same rows, one pair of lines an occasion.

    Args:
        rows: (occasion, model, AUC, low, high), the champion before the challenger.
    """
    plot = _pyplot()
    occasions = list(dict.fromkeys(row[0] for row in rows))
    with plot.rc_context(_STYLE):
        figure, axes = plot.subplots(figsize=(9.2, 0.75 + 0.8 * len(occasions)))
        for place, occasion in enumerate(occasions):
            pair = [row for row in rows if row[0] == occasion]
            for (_, model, value, low, high), colour, shift in zip(
                pair, (BLUE, ORANGE), (-0.16, 0.16), strict=False
            ):
                axes.hlines(place + shift, low, high, color=colour, linewidth=2.2)
                axes.plot(value, place + shift, "o", color=colour, markersize=7)
                axes.text(high + 0.0012, place + shift, f"{model}  {value:.3f}", va="center", color=colour)
        axes.set_yticks(range(len(occasions)), occasions)
        axes.set_ylim(len(occasions) - 0.5, -0.5)
        axes.margins(x=0.14)
        axes.set_xlabel("ROC AUC, 95 % interval")
        axes.grid(axis="y", visible=False)
        return _svg(figure, "Champion and challenger on the same rows")


def _model_bands(axes: Any, months: Sequence[Month], *, names: bool = True) -> None:
    """Shade the months of every second model, and name each model where it begins."""
    start = 0
    for place in range(1, len(months) + 1):
        if place == len(months) or months[place].model != months[start].model:
            order = len({month.model for month in months[: start + 1]})
            if order % 2 == 0:
                axes.axvspan(start - 0.5, place - 0.5, color="#f4f6f8", zorder=0, linewidth=0)
            if names:
                axes.text(
                    start - 0.45,
                    0.015,
                    months[start].model,
                    transform=axes.get_xaxis_transform(),
                    color=MUTED,
                    fontsize=9.5,
                )
            start = place


def _thin(y: np.ndarray, x: np.ndarray, points: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """At most `points` points, evenly along the curve; a page needs no more."""
    keep = np.unique(np.linspace(0, len(x) - 1, min(points, len(x))).round().astype(int))
    # The first points of the curve rest on a handful of rows and say nothing but noise.
    keep = keep[(x[keep] > 0.005) | (keep == len(x) - 1)] if len(x) > points else keep
    return y[keep], x[keep]


def _months() -> Any:
    from matplotlib.dates import DateFormatter

    return DateFormatter("%b")  # type: ignore[no-untyped-call]


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0, decimals=0)


def _svg(figure: Any, description: str) -> str:
    """The figure as an `<svg>` element that scales with the page, with a title for screen readers."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    _pyplot().close(figure)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    return text.replace(">", f' role="img"><title>{description}</title>', 1)


def _pyplot() -> Any:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtraError.of("matplotlib", "demo", where="the report's pictures") from error
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    return plt
