"""Draw what the verbs cost each client: a panel for each row, ours on top, the ratio at each bar.

From the numbers of a run, so that it can be drawn again without measuring. Its background is its own,
so that it reads the same on a light and on a dark page.
"""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.measure import ROOT, read_result
from benchmarks.peers import CLIENTS, SYNCHRONOUS
from benchmarks.tables import machine

FILE = "chart.png"
COLUMNS = 3
SHOWN = tuple(name for name in CLIENTS if name not in {"floor", "ours through aiobotocore"})
LABELS = {"ours": "dynamorm_async", "aiobotocore, resource style": "aiobotocore\nresource style"}
# Blue and grey differ in lightness too, so that no colour has to be told from another.
OURS, THEIRS = "#0b63b5", "#aeb4bc"
PAPER, INK, FAINT = "#fbfbfa", "#22262b", "#5d646d"


def draw(folder: Path) -> None:
    """Draw the chart of a folder's verbs beside them."""
    result = read_result(folder, "verbs")
    if result is None:
        print(f"no chart: there is no verbs.json in {folder.relative_to(ROOT)}")
        return
    rows = _rows(result["results"])
    mpl.rcParams.update({"font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": INK})
    columns = min(COLUMNS, len(rows))
    lines = -(-len(rows) // columns)
    bars = [[name for name in SHOWN if name in row["costs"]] for row in rows.values()]
    high = max(len(names) for names in bars)
    width, height = 4.4 * columns, 1.25 + lines * (0.36 * high + 0.75)
    figure = Figure(figsize=(width, height), dpi=144, facecolor=PAPER, layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).flat
    for axes in panels:
        axes.set_axis_off()
    for axes, (title, row), names in zip(figure.axes, rows.items(), bars, strict=False):
        _panel(axes, title, row, names, high)
    figure.suptitle("What one operation costs each client", x=0.012, ha="left", size=15, weight="bold")
    figure.supxlabel(_caption(result), x=0.012, ha="left", size=8.5, color=FAINT)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    path = folder / FILE
    figure.savefig(path, facecolor=PAPER)
    print(f"drawn in {path.relative_to(ROOT)}")


def _rows(results: dict[str, Any]) -> dict[str, Any]:
    """Return the rows of one loop, the quicker one where there are both, in the order of the run."""
    loop = "uvloop" if any(title.endswith(", uvloop") for title in results) else "asyncio"
    return {title: row for title, row in results.items() if title.endswith(f", {loop}")}


def _panel(axes: Axes, title: str, row: dict[str, Any], names: list[str], high: int) -> None:
    kind = row["ratio_of"]
    values = [row["costs"][name][f"{kind}_median_us"] for name in names]
    axes.set_axis_on()
    axes.barh(names, values, height=0.72, color=[OURS if name == "ours" else THEIRS for name in names])
    # The same height of a bar in each panel, whoever is missing.
    axes.set_ylim(high - 0.4, -0.6)
    axes.set_xlim(0, max(values) * 1.42)
    axes.set_title(title.rpartition(",")[0], loc="left", size=11.5, weight="bold", pad=14)
    unit = "wall time" if kind == "wall" else "CPU"
    axes.text(0, 1.01, f"{unit} per operation", transform=axes.transAxes, size=8.5, color=FAINT, va="bottom")
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        beside = {"va": "center", "textcoords": "offset points", "size": 9}
        cost = axes.annotate(_time(value), (value, place), (4, 0), color=FAINT, **beside)
        if name != "ours":
            ratio = _times(row["ratios"][name]["median"])
            axes.annotate(ratio, (1, 0.5), (6, 0), xycoords=cost, weight="bold", **beside)
    axes.set_yticks(range(len(names)), [_label(name) for name in names], size=9)
    axes.get_yticklabels()[0].set_weight("bold")
    axes.tick_params(left=False, bottom=False, labelbottom=False, labelcolor=INK)
    axes.set_facecolor(PAPER)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(FAINT)
    axes.spines["left"].set_bounds(-0.5, len(names) - 0.5)


def _label(name: str) -> str:
    return f"{LABELS.get(name, name)} (sync)" if name in SYNCHRONOUS else LABELS.get(name, name)


def _times(ratio: float) -> str:
    return f"× {ratio:.1f}" if ratio < 10 else f"× {ratio:.0f}"


def _time(microseconds: float) -> str:
    if microseconds < 1_000:
        return f"{microseconds:.0f} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.{0 if microseconds >= 100_000 else 1}f} ms"
    return f"{microseconds / 1_000_000:.1f} s"


def _caption(result: dict[str, Any]) -> str:
    loop = next(iter(_rows(result["results"]))).rpartition(", ")[2]
    return (
        "Client's time, medians; × says how many times as much as dynamorm_async takes. "
        f"Items of 14 attributes, a local server of canned answers, {loop}.\n{machine(result)}"
    )
