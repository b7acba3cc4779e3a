"""What was measured as Markdown: printed, and written into the page about it where it is to be saved.

In the page, a table stands between `<!-- measured: NAME -->` and `<!-- end -->`, so that no number is
copied by hand. A table whose bench was not run keeps what it has.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT, SAVED, read_result
from benchmarks.peers import CLIENTS

PAGE = ROOT / "docs" / "performance.md"
_PLACE = "<!-- measured: {name} -->\n{text}\n<!-- end -->"
_ANY_PLACE = re.compile(r"<!-- measured: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def draw(folder: Path) -> None:
    """Print the tables of a folder's results; with those that are saved, renew the page."""
    found = {name: table for name in TABLES if (table := _table(folder, name)) is not None}
    for name, text in found.items():
        print(f"\n{_PLACE.format(name=name, text=text)}")
    if folder != SAVED:
        return

    def renewed(place: re.Match[str]) -> str:
        return _PLACE.format(name=place[1], text=found[place[1]]) if place[1] in found else place[0]

    PAGE.write_text(_ANY_PLACE.sub(renewed, PAGE.read_text()))
    print(f"\nwritten into {PAGE.relative_to(ROOT)}")


def machine(result: dict[str, Any]) -> str:
    """Return what a result was measured on, and when, in a line."""
    it = result["machine"]
    cores = f"{it['cores']} virtual cores of " if it.get("cores") else ""
    date = f", {result['date']}" if "date" in result else ""
    return f"{cores}{it['processor']}, {it['implementation']} {it['python']}{date}"


def _table(folder: Path, name: str) -> str | None:
    bench, make = TABLES[name]
    result = read_result(folder, bench)
    return None if result is None else make(result)


def _ran_on(result: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in sorted(result["versions"].items()))
    return f"One run on {machine(result)}; {versions}."


def _costs(result: dict[str, Any]) -> str:
    rows = result["results"]
    shown = [name for name in CLIENTS if name != "floor"]
    names = [name for name in shown if any(name in row["costs"] for row in rows.values())]
    lines = [
        [f"{title} (wall)" if row["ratio_of"] == "wall" else title]
        + [_number(row["costs"].get(name, {}).get(f"{row['ratio_of']}_median_us")) for name in names]
        for title, row in rows.items()
    ]
    return _markdown(["", *names], lines)


def _ratios(result: dict[str, Any]) -> str:
    rows = {title: row for title, row in result["results"].items() if row["targets"]}
    names = [name for name in CLIENTS if any(name in row["targets"] for row in rows.values())]
    lines = [[title, *(_reached(row, name) for name in names)] for title, row in rows.items()]
    return _markdown(["", *names], lines)


def _reached(row: dict[str, Any], name: str) -> str:
    if name not in row["targets"] or name not in row["ratios"]:
        return "–"
    ratio, goal = row["ratios"][name]["median"], row["targets"][name]
    return f"**{ratio:.1f}** of {goal:g}" if ratio >= goal else f"{ratio:.1f} of {goal:g}, missed"


def _floor(result: dict[str, Any]) -> str:
    lines = [
        [
            title,
            *(_number(row["costs"][name]["cpu_median_us"]) for name in ("floor", "ours")),
            f"{1 / row['ratios']['floor']['median']:.1f}",
            *_goal(row.get("floor"), "at_most"),
        ]
        for title, row in result["results"].items()
        if "floor" in row["ratios"]
    ]
    return _markdown(["", "floor", "ours", "times the floor", "at most"], lines)


def _planning(result: dict[str, Any]) -> str:
    lines = [
        [title, f"{row['median_us']:.1f}", *_goal(row, "below_us")]
        for title, row in result["results"].items()
    ]
    return _markdown(["", "µs of CPU", "below"], lines)


def _observing(result: dict[str, Any]) -> str:
    rows = result["results"]
    unwatched = next(iter(rows.values()))["median_us"]
    lines = [
        [
            title,
            f"{row['median_us']:.2f}",
            f"{row['median_us'] / unwatched:.1%}",
            *_goal(row, "at_most_percent"),
        ]
        for title, row in rows.items()
    ]
    return _markdown(["", "µs of CPU", "of the get", "at most, %"], lines)


def _cold(result: dict[str, Any]) -> str:
    lines = [
        [
            way,
            *(_number(row["cpu_ms"][name]) for name in ("ours", "aiobotocore")),
            f"{row['ratio']:.2f}",
            *_goal(row, "at_most"),
        ]
        for way, row in result["ways"].items()
    ]
    return _markdown(
        ["credentials from", "ours, ms", "aiobotocore, ms", "ours ÷ aiobotocore", "at most"], lines
    )


def _memory(result: dict[str, Any]) -> str:
    lines: list[list[str]] = []
    for title, row in result["results"].items():
        if "rss" in row:
            found = row["rss"]
            whole, task = found["bytes_per_call"], found["bytes_per_bare_task"]
            told = f"{whole:,} bytes each, of which a bare task takes {task:,}"
            lines.append([f"{row['calls']:,} {title}", told, _with_verdict(f"below {row['below']:,}", row)])
        else:
            told = f"{row['above_mb']:g} MB above the first page's {row['first_mb']:g}"
            lines.append([title, told, _with_verdict(f"at most {row['at_most']:g} MB", row)])
    return _markdown(["", "resident memory", "target"], lines)


def _engines(result: dict[str, Any]) -> str:
    lines = [
        [
            title,
            *(_number(row[name]["median"]) for name in ("ours", "aiobotocore")),
            f"{row['ratio']['median']:.1f}",
            *_goal(row, "at_least"),
            *([_with_verdict(f"{row['wall']['below_s']:g} s", row["wall"])] if "wall" in row else [""]),
        ]
        for title, row in result["results"].items()
    ]
    return _markdown(["", "ours", "aiobotocore", "aiobotocore ÷ ours", "at least", "ours below"], lines)


def _scans(result: dict[str, Any]) -> str:
    lines = [
        [title, f"{row['wall']['median']:.2f}", f"{row['cpu']['median']:.2f}"]
        for title, row in result["results"].items()
    ]
    return _markdown(["", "wall, s", "client CPU, s"], lines)


def _goal(row: dict[str, Any] | None, name: str) -> list[str]:
    return [""] if row is None or name not in row else [_with_verdict(f"{row[name]:g}", row)]


def _with_verdict(text: str, row: dict[str, Any]) -> str:
    return f"{text}: {row['verdict']}" if "verdict" in row else text


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _markdown(head: list[str], lines: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *lines))


# Name of a table in the page to its bench and its making.
TABLES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "machine": ("verbs", _ran_on),
    "costs": ("verbs", _costs),
    "ratios": ("verbs", _ratios),
    "floor": ("verbs", _floor),
    "planning": ("planning", _planning),
    "observing": ("observing", _observing),
    "cold": ("cold", _cold),
    "memory": ("memory", _memory),
    "scans": ("scans", _scans),
    "engines": ("engines", _engines),
}
