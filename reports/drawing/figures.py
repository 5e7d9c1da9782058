"""Plots as inline SVG that follow the page: text stays text, colors come from the style sheet.

Matplotlib draws; its inline styles become attributes (the pages' content security policy
allows no inline style) and each color becomes a variable of the page, so that a plot is
readable in light, in dark and on paper. Matplotlib is imported on first use.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markupsafe import Markup

# Stand-ins while drawing; each becomes a variable of the page.
COLORS = {
    "#010201": "currentColor",
    "#010202": "var(--soft)",
    "#010203": "var(--line)",
    "#010204": "var(--plot-1)",
    "#010205": "var(--plot-2)",
    "#010206": "var(--plot-3)",
    "#010207": "var(--plot-zone)",
}
INK, SOFT, LINE, FIRST, SECOND, THIRD, ZONE = COLORS
SERIES = (FIRST, SECOND, THIRD)
MARKERS = ("o", "s", "D")
INCH = 72
TEXT_POINTS = 11
ROW_POINTS = 30
DENSE_ROW_POINTS = 22
# More bars than this share one height and have no labels: their shape is what can be read.
MOST_LABELED = 60
WIDTH_POINTS = 640


@dataclass(frozen=True)
class Bar:
    """One estimate with its interval in a forest plot.

    Attributes
    ----------
    label : what stands to the left; ``value``, ``low`` and ``high`` in the unit of the axis
    is_firm : False draws the marker hollow: too imprecise or exploratory
    series : which color and marker, 0 to 2
    """

    label: str
    value: float
    low: float | None
    high: float | None
    is_firm: bool = True
    series: int = 0


@dataclass(frozen=True)
class Curve:
    """A step curve with its band: x, y, low and high of one length."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Points:
    """A measured course: y by x, NULL left out; the main line is drawn heavier and in ink."""

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    is_main: bool = False


@dataclass(frozen=True)
class Mark:
    """Something that happened at x, written above the plot."""

    label: str
    x: float


def forest(
    bars: Sequence[Bar],
    *,
    axis: str,
    alt: str,
    zone: tuple[float, float] | None = None,
    zone_label: str = "",
    reference: float | None = 0.0,
    series: Sequence[str] = (),
) -> Markup | None:
    """Draw estimates with intervals, one line each, the first on top; None without any."""
    if not bars:
        return None
    has_legend = bool(series or zone_label)
    is_labeled = len(bars) <= MOST_LABELED
    row_points = ROW_POINTS if len(bars) <= 10 else DENSE_ROW_POINTS
    figure, axes = _canvas(
        min(len(bars), MOST_LABELED) * row_points,
        max(len(bar.label) for bar in bars) if is_labeled else 0,
        has_legend=has_legend,
    )
    if zone is not None:
        axes.axvspan(*zone, color=ZONE, lw=0, label=zone_label or None)
    if reference is not None:
        axes.axvline(reference, color=SOFT, lw=1)
    _draw_bars(axes, bars)
    for number, name in enumerate(series):
        axes.plot([], [], MARKERS[number], color=SERIES[number], label=name)
    axes.set_yticks([])
    axes.set_ylim(-0.7, len(bars) - 0.3)
    axes.set_xlabel(axis, color=SOFT)
    _legend(figure, axes, has_legend)
    return _svg(figure, alt)


def _draw_bars(axes: Any, bars: Sequence[Bar]) -> None:
    """Draw all bars of one look in one call: an artist per bar is what takes the time."""
    places = range(len(bars) - 1, -1, -1)
    placed = list(zip(places, bars, strict=True))
    is_labeled = len(bars) <= MOST_LABELED
    width, size, edge = (2.2, 8, 2) if is_labeled else (0.5, 2, 0.5)
    for place, bar in placed if is_labeled else ():
        axes.annotate(
            bar.label, (0, place), (-8, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", va="center", color=INK,
        )  # fmt: skip
    for series, color in enumerate(SERIES):
        wide = [(p, b) for p, b in placed if b.series == series and b.low is not None]
        if wide:
            ends = [b.low for _, b in wide], [b.high for _, b in wide]
            axes.hlines([p for p, _ in wide], *ends, color=color, lw=width)
        for is_firm in (True, False):
            part = [(p, b) for p, b in placed if (b.series, b.is_firm) == (series, is_firm)]
            if part:
                axes.plot(
                    [b.value for _, b in part], [p for p, _ in part], MARKERS[series], ms=size,
                    mec=color, mew=edge, mfc=color if is_firm else "none",
                )  # fmt: skip


def curves(lines: Sequence[Curve], *, x_axis: str, y_axis: str, alt: str) -> Markup | None:
    """Draw step curves with their bands; None without any."""
    if not lines:
        return None
    figure, axes = _canvas(230, 6, has_legend=True)
    for number, line in enumerate(lines):
        color = SERIES[number % len(SERIES)]
        style = ("-", "--", ":")[number % len(SERIES)]
        # Half a session on, so that the last step can be seen.
        x, y, low, high = ([*v, v[-1]] for v in (line.x, line.y, line.low, line.high))
        x[-1] += 0.5
        axes.fill_between(x, low, high, step="post", color=color, alpha=0.13, lw=0)
        axes.step(x, y, where="post", color=color, lw=2.2, ls=style, label=line.label)
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=LINE, lw=0.7)
    axes.set_xlabel(x_axis, color=SOFT)
    axes.set_ylabel(y_axis, color=SOFT)
    _legend(figure, axes, True)
    return _svg(figure, alt)


def course(
    lines: Sequence[Points],
    *,
    x_axis: str,
    y_axis: str,
    alt: str,
    band: Curve | None = None,
    marks: Sequence[Mark] = (),
) -> Markup | None:
    """Draw measured courses over an expected band, with what happened; None without a point."""
    drawn = [(line, points) for line in lines if (points := _measured(line))]
    if not drawn:
        return None
    figure, axes = _canvas(230, 6, has_legend=True)
    if band is not None and band.x:
        axes.fill_between(band.x, band.low, band.high, color=ZONE, lw=0, label=band.label)
        axes.plot(band.x, band.y, color=SOFT, lw=1, ls="--")
    for number, (line, points) in enumerate(drawn):
        color = INK if line.is_main else SERIES[number % len(SERIES)]
        size, width = (5, 2.2) if line.is_main else (4, 1.2)
        axes.plot(
            *zip(*points, strict=True), color=color, marker=MARKERS[number % len(MARKERS)],
            ms=size, lw=width, label=line.label, zorder=3 if line.is_main else 2,
        )  # fmt: skip
    _draw_marks(axes, marks)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y", color=LINE, lw=0.7)
    axes.set_xlabel(x_axis, color=SOFT)
    axes.set_ylabel(y_axis, color=SOFT)
    _legend(figure, axes, True)
    return _svg(figure, alt)


def _measured(line: Points) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(line.x, line.y, strict=True) if y is not None]


def _draw_marks(axes: Any, marks: Sequence[Mark]) -> None:
    """Draw what happened as vertical lines; a word too near the one before stands a row lower."""
    if not marks:
        return
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    axes.set_ylim(low, high + (high - low) * 0.25)  # room for words, where no score can be
    free_from = [left] * 4  # per row of words
    for mark in sorted(marks, key=lambda mark: mark.x):
        width = (right - left) * (len(mark.label) * 6.3 + 8) / WIDTH_POINTS
        is_last = mark.x + width > right
        begins = mark.x - width if is_last else mark.x
        row = next((row for row, free in enumerate(free_from) if free <= begins), 0)
        free_from[row] = begins + width
        axes.axvline(mark.x, color=SOFT, lw=1, ls=":")
        axes.annotate(
            mark.label, (mark.x, 1), (-3 if is_last else 3, -2 - 14 * row),
            xycoords=("data", "axes fraction"), textcoords="offset points",
            ha="right" if is_last else "left", va="top", color=SOFT,
        )  # fmt: skip


def _canvas(plot_points: float, label_length: int, *, has_legend: bool) -> tuple[Any, Any]:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": TEXT_POINTS, "axes.linewidth": 0.8}):
        above = 30 if has_legend else 8
        height_points = plot_points + 44 + above
        figure = Figure(figsize=(WIDTH_POINTS / INCH, height_points / INCH), dpi=INCH)
        left = min(0.5, (label_length * 6.3 + 16) / WIDTH_POINTS)
        bottom, top = 44 / height_points, 1 - above / height_points
        axes = figure.add_axes((left, bottom, 0.98 - left, top - bottom))
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.tick_params(colors=INK, which="both", length=3)
    return figure, axes


def _legend(figure: Any, axes: Any, is_wanted: bool) -> None:
    if is_wanted and axes.get_legend_handles_labels()[0]:
        figure.legend(
            *axes.get_legend_handles_labels(), loc="upper right", ncols=4, frameon=False,
            labelcolor=INK, borderaxespad=0.1, handlelength=1.6,
        )  # fmt: skip


def _svg(figure: Any, alt: str) -> Markup:
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": alt}):
        FigureCanvasSVG(figure).print_svg(
            out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    return Markup(_for_the_page(out.getvalue(), alt))


def _for_the_page(text: str, alt: str) -> str:
    """Keep what draws; styles become attributes, colors variables, the text alternative a label."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'(<g) id="[^"]*"', r"\1", body)
    body = re.sub(r' style="([^"]*)"', _as_attributes, body)
    for stand_in, color in COLORS.items():
        body = body.replace(stand_in, color)
    view = _found(r'viewBox="[^"]*"', body)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'class="plot" role="img" aria-label="{escape(alt)}" {view}>'
    )
    body = re.sub(r"<svg[^>]*>", lambda _: head, body, count=1, flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", body).strip()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"matplotlib drew without {pattern}")
    return match.group()


def _as_attributes(style: re.Match[str]) -> str:
    pairs = [part.split(":", 1) for part in style.group(1).split(";") if ":" in part]
    kept = {name.strip(): value.strip() for name, value in pairs}
    if shorthand := kept.pop("font", None):
        kept["font-size"] = _found(r"[\d.]+px", shorthand)
    kept.pop("font-family", None)
    return "".join(f' {name}="{escape(value)}"' for name, value in kept.items())
