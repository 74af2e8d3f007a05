"""Line charts as SVG, in the colours of the dashboard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 58, 34
TICKS = 5

# background, text, axis text, grid, lines
THEMES = {
    "light": ("#ffffff", "#16202c", "#5b6878", "#e8ecf0", ["#1b7ea6", "#d9761a", "#5a46a8"]),
    "dark": ("#18212c", "#e6ebf1", "#98a5b5", "#263240", ["#4fb4d8", "#f2a04a", "#9b8cf0"]),
}


@dataclass(frozen=True)
class Panel:
    title: str
    # name -> points, in ascending order of x
    lines: dict[str, Sequence[tuple[float, float]]]


def svg(panels: Sequence[Panel], theme: str) -> str:
    """The panels side by side, each with axes of its own that start at zero."""
    background, text, muted, _, _ = THEMES[theme]
    width = WIDTH * len(panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="{muted}">',
        f'<rect width="{width}" height="{HEIGHT}" fill="{background}"/>',
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * WIDTH} 0)">')
        title = escape(panel.title)
        parts.append(f'<text x="{LEFT}" y="20" font-size="13" font-weight="600" fill="{text}">{title}</text>')
        parts += legend(panel, theme)
        parts += plot(panel, theme)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def legend(panel: Panel, theme: str) -> list[str]:
    parts, x = [], LEFT
    for name, colour in zip(panel.lines, THEMES[theme][4]):
        parts.append(f'<rect x="{x}" y="34" width="12" height="3" fill="{colour}"/>')
        parts.append(f'<text x="{x + 17}" y="40">{escape(name)}</text>')
        x += 40 + 6 * len(name)
    return parts


def plot(panel: Panel, theme: str) -> list[str]:
    _, _, _, grid, colours = THEMES[theme]
    points = [point for line in panel.lines.values() for point in line]
    step_x, step_y = (step(max(values)) for values in zip(*points))
    most_x = max(x for x, _ in points)
    most_y = step_y * math.ceil(max(y for _, y in points) / step_y)

    def at(x: float, y: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * x / most_x
        return round(across, 1), round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / most_y, 1)

    parts = []
    for number in range(round(most_y / step_y) + 1):
        value = number * step_y
        x, y = at(0, value)
        parts.append(f'<path d="M{x} {y}H{WIDTH - RIGHT}" stroke="{grid}"/>')
        parts.append(f'<text x="{x - 6}" y="{y + 4}" text-anchor="end">{value:.4g}</text>')
    for number in range(int(most_x / step_x) + 1):
        x, y = at(number * step_x, 0)
        parts.append(f'<text x="{x}" y="{y + 16}" text-anchor="middle">{number * step_x:.4g}</text>')
    for line, colour in zip(panel.lines.values(), colours):
        places = [at(x, y) for x, y in line]
        path = "L".join(f"{x} {y}" for x, y in places)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
    return parts


def step(most: float) -> float:
    """1, 2 or 5 times a power of ten, at most TICKS times in `most`."""
    power = 10 ** math.floor(math.log10(most / TICKS))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * TICKS >= most)
