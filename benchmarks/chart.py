"""The README's picture: horizontal bars, drawn as SVG by hand; it follows the reader's light or dark theme."""

from html import escape

import attrs

__all__ = ["ChartBar", "draw"]

_WIDTH, _LEFT, _ROW, _TOP = 760, 270, 30, 64
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f } .quiet { fill: #57606a; font-size: 12px }
.title { font-size: 15px; font-weight: 600 } .ours { fill: #1a7f5a } .peer { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #9198a1 } .ours { fill: #3fb68b } .peer { fill: #656c76 }
}
"""


@attrs.frozen
class ChartBar:
    """One line of the chart; ``ours`` is drawn in the library's colour."""

    label: str
    value: float
    ours: bool


def draw(title: str, subtitle: str, unit: str, bars: list[ChartBar]) -> str:
    """Return an SVG of the bars from the shortest to the longest, on one linear scale from zero."""
    ordered = sorted(bars, key=lambda bar: bar.value)
    longest = max(bar.value for bar in ordered)
    height = _TOP + _ROW * len(ordered) + 12
    size = f'viewBox="0 0 {_WIDTH} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="12" y="24">{escape(title)}</text>',
        f'<text class="quiet" x="12" y="44">{escape(subtitle)}</text>',
        *(_row(bar, _TOP + _ROW * index, longest, unit) for index, bar in enumerate(ordered)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _row(bar: ChartBar, top: int, longest: float, unit: str) -> str:
    width = max(2.0, (_WIDTH - _LEFT - 110) * bar.value / longest)
    colour = "ours" if bar.ours else "peer"
    return (
        f'<text x="{_LEFT - 10}" y="{top + 17}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect class="{colour}" x="{_LEFT}" y="{top + 3}" width="{width:.1f}" height="20" rx="3"/>'
        f'<text class="quiet" x="{_LEFT + width + 8:.1f}" y="{top + 17}">{bar.value:,.0f} {escape(unit)}</text>'
    )
