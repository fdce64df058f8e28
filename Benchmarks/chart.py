#!/usr/bin/env python3
"""Draws the table of RESULTS.md as a chart: how many times better Reel is than the best peer.

    Benchmarks/chart.py RESULTS.md > RESULTS.svg
"""
import math
import re
import sys
from html import escape

UNITS = {"k": 1e3, "M": 1e6, "G": 1e9}
WIDTH, LEFT, RIGHT, ROW, TOP = 860, 360, 70, 26, 58


def number(cell):
    """The first figure of a cell, such as 1.13M or 97.8."""
    found = re.match(r"\s*([0-9.]+)([kMG]?)", cell)
    return float(found[1]) * UNITS.get(found[2], 1) if found else None


def rows(text):
    """Yields each operation with Reel's figure and the best peer's, as (name, advantage, peer).

    Tables other than the comparison, and operations that no peer has, are passed over.
    """
    names = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            names = []
        elif cells[0] == "operation":
            names = cells
        elif names and not cells[0].startswith(":"):
            figures = {name: number(cell) for name, cell in list(zip(names, cells))[3:]}
            reel = figures.pop("Reel", None)
            peers = {name: figure for name, figure in figures.items() if figure}
            if not reel or not peers:
                continue
            is_rate = "events/s" in cells[0]
            name = (max if is_rate else min)(peers, key=peers.get)
            yield cells[0], reel / peers[name] if is_rate else peers[name] / reel, name


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = list(rows(file.read()))
    if not data:
        sys.exit(f"{sys.argv[1]}: there is no table of results in it")
    span = max(2.0, max(abs(math.log2(advantage)) for _, advantage, _ in data))
    scale = (WIDTH - LEFT - RIGHT) / (2 * span)
    zero = LEFT + span * scale
    height = TOP + ROW * len(data) + 16
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        '<text x="12" y="22" font-size="14" font-weight="bold" fill="#1a1a1a">'
        "Reel against the best peer at each operation</text>",
        '<text x="12" y="40" fill="#555555">Bars to the right: so many times better. '
        "To the left: so many times worse. Logarithmic.</text>",
    ]
    for index, (name, advantage, peer) in enumerate(data):
        y = TOP + ROW * index
        length = math.log2(advantage) * scale
        x, bar = (zero, length) if length >= 0 else (zero + length, -length)
        fill = "#2b6cb0" if length >= 0 else "#c05621"
        factor = advantage if advantage >= 1 else 1 / advantage
        label = f"{factor:.3g} × ({peer})"
        out.append(
            f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end" fill="#1a1a1a">'
            f"{escape(re.sub(r' [(].*', '', name))}</text>"
        )
        out.append(
            f'<rect x="{x:.1f}" y="{y + 3}" width="{max(bar, 1):.1f}" height="16" fill="{fill}"/>'
        )
        inside = bar > 150
        if length >= 0:
            place, anchor = (zero + bar - 6, "end") if inside else (zero + bar + 6, "start")
        else:
            place, anchor = (zero - bar + 6, "start") if inside else (zero + 6, "start")
        colour = "#ffffff" if inside else "#1a1a1a"
        out.append(
            f'<text x="{place:.1f}" y="{y + 15}" text-anchor="{anchor}" fill="{colour}">'
            f"{escape(label)}</text>"
        )
    out.append(
        f'<line x1="{zero:.1f}" y1="{TOP - 4}" x2="{zero:.1f}" y2="{height - 10}" '
        'stroke="#1a1a1a"/>'
    )
    out.append("</svg>")
    print("\n".join(out))


if __name__ == "__main__":
    main()
