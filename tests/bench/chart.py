"""Bar charts as SVG."""
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 800, 230, 110
ROW, GAP, TITLE, TOP, BOTTOM = 20, 14, 26, 64, 34
COLOURS = {"vitqc": "#1b7f5c", "ONNX Runtime": "#4878a8",
           "OpenVINO": "#b0722f"}


def text(x, y, what, size=12, anchor="start", colour="#222", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" '
            f'text-anchor="{anchor}" fill="{colour}" '
            f'font-weight="{weight}">{escape(what)}</text>')


def box(x, y, width, height, colour):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="{colour}"/>')


def line(x, y1, y2, colour, width=1):
    return (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"/>')


def draw(title, subtitle, groups):
    """groups: [(name, [(label, family, value, note)])]. A value of None has
    no bar, only its note."""
    values = [v for _, bars in groups for _, _, v, _ in bars if v]
    top = max(values + [1.0])
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 50, 100, 1000)
                if top / s <= 10)
    scale = (WIDTH - LEFT - RIGHT) / top
    height = TOP + BOTTOM + sum(TITLE + GAP + ROW * len(bars)
                                for _, bars in groups)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Helvetica, Arial, sans-serif">',
        box(0, 0, WIDTH, height, "#fcfcfa"),
        text(16, 26, title, 16, weight="bold"),
        text(16, 46, subtitle, 12, colour="#555")]
    for i in range(int(top / step) + 1):
        x = LEFT + i * step * scale
        parts += [line(x, TOP, height - BOTTOM, "#e2e2dd"),
                  text(x, height - BOTTOM + 16, f"{i * step:g}", 11, "middle",
                       "#666")]
    y = TOP
    for name, bars in groups:
        parts.append(text(16, y + 18, name, 13, weight="bold"))
        y += TITLE
        for label, family, value, note in bars:
            parts.append(text(LEFT - 8, y + 14, label, 12, "end"))
            width = (value or 0) * scale
            if value:
                parts.append(box(LEFT, y + 3, width, ROW - 6,
                                 COLOURS[family]))
            parts.append(text(LEFT + width + 6, y + 14, note, 11,
                              colour="#333" if value else "#777"))
            y += ROW
        y += GAP
    parts.append(line(LEFT + scale, TOP, height - BOTTOM, COLOURS["vitqc"],
                      1.5))
    return "\n".join(parts + ["</svg>"]) + "\n"
