"""The course posters: one illustration each on a background that all of a category share. 1280 × 720."""

import itertools
import math
import random
from collections.abc import Callable

from PIL import Image

from payments.demo.studio.canvas import Canvas, Point, between, curve, mix
from payments.demo.studio.palettes import AI, APPS, DATA, GAMES, STRUCTURES, WEB, Palette

WIDTH, HEIGHT, ZOOM = 1280, 720, 2
Drawing = Callable[[Canvas, Palette], None]


def draw_poster(slug: str) -> Image.Image:
    palette, drawing = POSTERS[slug]
    canvas = Canvas(WIDTH, HEIGHT, ZOOM)
    _background(canvas, palette, random.Random(slug))  # noqa: S311  a pattern, not a secret
    drawing(canvas, palette)
    return canvas.finished()


def _background(c: Canvas, p: Palette, dice: random.Random) -> None:
    """Two large discs in other places for each course, and a field of dots in one corner."""
    c.gradient(p.deep, p.bright)
    c.circle(
        dice.choice((60, 1220)), dice.choice((-40, 760)), dice.randint(330, 420), mix(p.bright, p.second, 0.45), 0.28
    )
    c.circle(dice.randint(480, 800), dice.choice((-120, 840)), dice.randint(260, 330), p.deep, 0.22)
    left, top = dice.choice(((64, 56), (1000, 56), (64, 520), (1000, 520)))
    for column in range(8):
        for row in range(5):
            c.circle(left + 30 * column, top + 36 * row, 3.4, p.paper, 0.2)


def _card(c: Canvas, x: float, y: float, width: float, height: float, colour: str, radius: float = 22) -> None:
    c.shadow(x + 4, y + 16, width, height, radius, 34, 0.42)
    c.box(x, y, width, height, colour, radius)


def _words(
    c: Canvas, x: float, y: float, widths: list[float], colour: str, height: float = 14, gap: float = 12
) -> None:
    """Lines of text, as bars."""
    for row, width in enumerate(widths):
        c.box(x, y + row * (height + gap), width, height, colour, height / 2)


def _tick(c: Canvas, x: float, y: float, size: float, colour: str) -> None:
    c.line(
        [(x - size * 0.5, y), (x - size * 0.12, y + size * 0.38), (x + size * 0.55, y - size * 0.4)], size * 0.2, colour
    )


# --- Web Development ---


def _html_css(c: Canvas, p: Palette) -> None:
    _card(c, 250, 120, 640, 480, p.paper)
    c.box(250, 120, 640, 70, mix(p.paper, p.second, 0.45), 22)
    c.box(250, 160, 640, 30, mix(p.paper, p.second, 0.45))
    for n in range(3):
        c.circle(286 + 32 * n, 155, 9, (p.accent, p.second, p.bright)[n])
    c.box(284, 222, 572, 84, p.bright, 12)
    _words(c, 312, 246, [230, 150], p.paper, 13)
    for n in range(3):
        c.box(284 + 196 * n, 330, 180, 130, (mix(p.paper, p.second, 0.6), p.accent, mix(p.paper, p.second, 0.6))[n], 12)
    _words(c, 284, 490, [540, 572, 380], mix(p.paper, p.ink, 0.22), 13)
    _card(c, 800, 250, 230, 400, p.ink, 34)
    c.box(814, 264, 202, 372, p.paper, 24)
    c.box(832, 284, 166, 60, p.bright, 10)
    c.box(832, 358, 166, 78, mix(p.paper, p.second, 0.6), 10)
    c.box(832, 450, 166, 78, p.accent, 10)
    _words(c, 832, 548, [166, 140, 90], mix(p.paper, p.ink, 0.22), 11, 10)


def _django(c: Canvas, p: Palette) -> None:
    """A road from the address to the answer, with four stations."""
    road = curve([(-40, 560), (220, 500), (420, 300), (640, 380), (860, 470), (1040, 250), (1340, 150)])
    c.line([(x, y + 14) for x, y in road], 84, p.ink, 0.4)
    c.line(road, 76, mix(p.deep, "#000000", 0.25))
    for n in range(4, len(road) - 6, 9):
        c.line(road[n : n + 5], 6, p.accent)
    for (x, y), size, colour in zip(
        [(220, 470), (424, 270), (860, 440), (1040, 220)],
        [150, 170, 170, 150],
        [p.paper, p.accent, p.second, p.paper],
        strict=True,
    ):
        _card(c, x - size / 2, y - size / 2 - 40, size, size, colour, 34)
    _globe(c, 220, 430, 44, p.bright)
    c.line([(396, 190), (372, 230), (396, 270)], 12, p.ink)
    c.line([(452, 190), (476, 230), (452, 270)], 12, p.ink)
    c.line([(434, 184), (414, 276)], 12, p.ink)
    for n in range(3):
        c.ellipse(860, 438 - 38 * n, 52, 20, p.ink)
        c.ellipse(860, 432 - 38 * n, 52, 20, mix(p.second, p.paper, 0.75))
    c.box(1000, 132, 80, 98, p.bright, 8)
    _words(c, 1014, 150, [52, 40, 52, 30], p.paper, 8, 9)


def _globe(c: Canvas, x: float, y: float, radius: float, colour: str) -> None:
    c.ring(x, y, radius, 8, colour)
    c.line([(x - radius, y), (x + radius, y)], 7, colour)
    c.line(curve([(x, y - radius), (x + radius * 0.5, y), (x, y + radius)]), 7, colour)
    c.line(curve([(x, y - radius), (x - radius * 0.5, y), (x, y + radius)]), 7, colour)


def _typescript(c: Canvas, p: Palette) -> None:
    """Stairs, each with its tick."""
    for n in range(5):
        x, top = 200 + 176 * n, 520 - 84 * n
        c.shadow(x + 6, top + 14, 160, 640 - top, 18, 26, 0.35)
        c.box(x, top, 160, 900 - top, mix(p.paper, p.second, 0.8 - n * 0.2) if n < 4 else p.accent, 18)
        if n < 4:
            c.circle(x + 80, top + 62, 34, p.bright)
            _tick(c, x + 80, top + 62, 34, p.paper)
    c.line([(984, 184), (984, 84)], 8, p.paper)
    c.polygon([(986, 86), (1062, 112), (986, 140)], p.paper)


def _older_sites(c: Canvas, p: Palette) -> None:
    """A screen of 2002 with a plant that grows out of it."""
    _card(c, 350, 130, 560, 430, mix(p.paper, "#c9b79c", 0.55), 46)
    c.box(398, 176, 464, 318, p.ink, 30)
    c.box(410, 188, 440, 294, p.deep, 24)
    _words(c, 446, 226, [180, 300, 250], p.second, 16, 18)
    _words(c, 446, 330, [120, 210], p.accent, 16, 18)
    c.box(446, 410, 22, 34, p.paper, 3)
    c.circle(838, 526, 12, p.accent)
    for n in range(5):
        c.box(404 + 26 * n, 520, 14, 12, mix("#c9b79c", p.ink, 0.4), 4)
    c.box(540, 560, 180, 40, mix("#c9b79c", p.ink, 0.25))
    c.box(470, 594, 320, 34, mix(p.paper, "#c9b79c", 0.75), 16)
    stem = curve([(900, 610), (930, 470), (900, 330), (960, 190)])
    c.line(stem, 12, "#7fd6a4")
    for at, side in ((24, 1), (38, -1), (52, 1), (66, -1)):
        x, y = stem[min(at, len(stem) - 1)]
        _leaf(c, x, y, side * 96, "#7fd6a4" if side > 0 else "#4fb283")
    c.box(850, 560, 110, 84, p.accent, 14)


def _leaf(c: Canvas, x: float, y: float, reach: float, colour: str) -> None:
    upper = curve([(x, y), (x + reach * 0.4, y - 52), (x + reach, y - 50)])
    lower = curve([(x + reach, y - 50), (x + reach * 0.7, y + 4), (x, y)])
    c.polygon(upper + lower, colour)


# --- Artificial Intelligence ---


def _networks(c: Canvas, p: Palette) -> None:
    layers = [[(250, y) for y in (200, 360, 520)], [(500, y) for y in (140, 290, 440, 590)]]
    layers += [[(760, y) for y in (140, 290, 440, 590)], [(1020, y) for y in (270, 460)]]
    lit = {(0, 1, 1), (1, 1, 2), (2, 2, 0), (0, 2, 1), (0, 0, 1)}
    for n, (left, right) in enumerate(itertools.pairwise(layers)):
        for a, one in enumerate(left):
            for b, other in enumerate(right):
                if (n, a, b) not in lit:
                    c.line([one, other], 4, p.paper, 0.22)
    for n, a, b in sorted(lit):
        c.line([layers[n][a], layers[n + 1][b]], 9, p.accent)
    for n, layer in enumerate(layers):
        for m, (x, y) in enumerate(layer):
            is_lit = (n, m) in {(0, 0), (0, 1), (0, 2), (1, 1), (2, 2), (3, 0)}
            if is_lit:
                c.glow(x, y, 78, p.accent, 0.5)
            c.shadow(x - 40, y - 30, 80, 80, 40, 20, 0.35)
            c.circle(x, y, 44, p.accent if is_lit else mix(p.deep, p.second, 0.75))
            c.circle(x, y, 26, p.paper if is_lit else p.deep)


def _language(c: Canvas, p: Palette) -> None:
    """A sentence of blocks, and three ways to go on."""
    _card(c, 190, 130, 640, 250, p.paper, 40)
    c.polygon([(280, 370), (280, 450), (370, 372)], p.paper)
    rows = [[150, 90, 210], [110, 190, 130], [170]]
    for row, widths in enumerate(rows):
        x = 236.0
        for n, width in enumerate(widths):
            c.box(x, 172 + 62 * row, width, 36, mix(p.paper, p.second, 0.5 + 0.25 * ((row + n) % 3)), 18)
            x += width + 18
    c.box(424, 290, 8, 48, p.accent, 4)
    for n, (width, share) in enumerate(((330, 0.9), (220, 0.5), (150, 0.28))):
        y = 320 + 110 * n
        _card(c, 700, y, 400, 88, mix(p.deep, p.ink, 0.4) if n else p.ink, 28)
        c.box(730, y + 30, 340, 28, p.paper, 14, 0.16)
        c.box(730, y + 30, width, 28, p.accent if n == 0 else p.second, 14, 1 if n == 0 else share + 0.2)


# --- Data Structures & Algorithms ---


def _big_o(c: Canvas, p: Palette) -> None:
    left, bottom = 250, 590
    for n in range(1, 6):
        c.line([(left, bottom - 90 * n), (1060, bottom - 90 * n)], 2, p.paper, 0.16)
    curves = (
        (lambda t: 480 * (t / 0.66) ** 2.2, p.accent, 17, 0.66),
        (lambda t: 390 * t * math.log2(1 + 3 * t) / 2, p.second, 14, 1.0),
        (lambda t: 215 * t, p.paper, 14, 1.0),
        (lambda t: 105 * math.log2(1 + 15 * t) / 4, mix(p.second, p.bright, 0.4), 14, 1.0),
    )
    area = [(left + 790 * t, bottom - curves[1][0](t)) for t in [n / 60 for n in range(61)]]
    c.polygon([*area, (left + 790, bottom), (left, bottom)], p.second, 0.16)
    for height, colour, line, end in reversed(curves):
        c.line([(left + 790 * end * t / 60, bottom - height(end * t / 60)) for t in range(61)], line, colour)
    x, y = left + 790 * 0.66, bottom - 480
    c.glow(x, y, 60, p.accent, 0.5)
    c.circle(x, y, 26, p.accent)
    c.circle(x, y, 12, p.paper)
    c.line([(left, 110), (left, bottom), (1080, bottom)], 10, p.paper)


def _graphs(c: Canvas, p: Palette) -> None:
    spots = [
        (230, 380),
        (400, 190),
        (430, 540),
        (610, 350),
        (720, 150),
        (770, 560),
        (930, 330),
        (1080, 520),
        (1070, 180),
    ]
    edges = [
        (0, 1),
        (0, 2),
        (1, 3),
        (2, 3),
        (1, 4),
        (2, 5),
        (3, 4),
        (3, 5),
        (4, 6),
        (5, 6),
        (6, 7),
        (6, 8),
        (4, 8),
        (5, 7),
    ]
    way = [0, 1, 3, 5, 6, 8]
    for a, b in edges:
        c.line([spots[a], spots[b]], 7, p.paper, 0.3)
    c.line([spots[n] for n in way], 15, p.accent)
    for n, (x, y) in enumerate(spots):
        c.shadow(x - 40, y - 26, 80, 80, 40, 20, 0.4)
        c.circle(x, y, 42, p.accent if n in way else mix(p.deep, p.second, 0.85))
        c.circle(x, y, 28, p.paper if n in (0, 8) else p.ink)
    c.circle(*spots[0], 13, p.accent)
    _tick(c, *spots[8], 30, p.bright)


# --- App Development ---


def _phone(c: Canvas, p: Palette, x: float, y: float, width: float, height: float) -> None:
    _card(c, x, y, width, height, p.ink, 52)
    c.box(x + 16, y + 16, width - 32, height - 32, p.paper, 38)
    c.box(x + width / 2 - 42, y + 28, 84, 14, p.ink, 7)


def _android(c: Canvas, p: Palette) -> None:
    _phone(c, p, 470, 60, 340, 640)
    c.arc(640, 270, 92, 24, 0, 360, mix(p.paper, p.second, 0.5))
    c.arc(640, 270, 92, 24, -90, 160, p.bright)
    c.line([(640, 238), (640, 302)], 13, p.ink)
    c.line([(608, 270), (672, 270)], 13, p.ink)
    for n in range(7):
        c.circle(528 + 37.5 * n, 430, 14, p.bright if n < 5 else mix(p.paper, p.second, 0.5))
    for n, width in enumerate((230, 190, 210)):
        c.box(516, 478 + 58 * n, 248, 44, mix(p.paper, p.second, 0.3), 14)
        c.box(534, 494 + 58 * n, width - 110, 12, mix(p.paper, p.ink, 0.4), 6)
        c.circle(740, 500 + 58 * n, 11, p.accent if n != 1 else mix(p.paper, p.ink, 0.2))
    for x, y, colour in ((240, 190, p.accent), (880, 390, p.paper)):
        _card(c, x, y, 170, 170, colour, 40)
    _tick(c, 325, 275, 84, p.ink)
    for n, height in enumerate((44, 78, 60, 104)):
        c.box(912 + 28 * n, 526 - height, 18, height, p.bright, 6)


def _offline(c: Canvas, p: Palette) -> None:
    _phone(c, p, 220, 110, 290, 540)
    for n in range(4):
        c.box(262, 190 + 104 * n, 206, 84, mix(p.paper, p.second, 0.32), 18)
        _words(c, 284, 214 + 104 * n, [94, 60], mix(p.paper, p.ink, 0.35), 11, 11)
        c.circle(438, 232 + 104 * n, 18, p.bright if n < 2 else p.accent)
        if n < 2:
            _tick(c, 438, 232 + 104 * n, 17, p.paper)
        else:
            c.line([(438, 222 + 104 * n), (438, 233 + 104 * n), (445, 238 + 104 * n)], 4, p.ink)
    c.dashes([(540, 360), (800, 360)], 8, p.paper, 20, 26)
    for x in (576, 666):
        _card(c, x, 322, 72, 72, p.accent, 18)
        _words(c, x + 16, 344, [40, 26], p.ink, 9, 9)
    cloud = [(860, 400, 92), (960, 330, 120), (1060, 400, 96), (960, 420, 90)]
    for x, y, radius in cloud:
        c.shadow(x - radius, y - radius + 22, 2 * radius, 2 * radius, radius, 36, 0.2)
    for x, y, radius in cloud:
        c.circle(x, y, radius, p.paper)
    c.box(860, 400, 200, 92, p.paper)
    c.line([(904, 336), (1012, 444)], 20, p.bright)
    c.line([(1012, 336), (904, 444)], 20, p.bright)


# --- Data Science ---


def _pandas(c: Canvas, p: Palette) -> None:
    _card(c, 170, 120, 620, 480, p.paper)
    c.box(170, 120, 620, 76, p.accent, 22)
    c.box(170, 160, 620, 36, p.accent)
    for column, width in enumerate((90, 120, 70, 100)):
        c.box(206 + 150 * column, 150, width, 16, p.paper, 8)
    chosen = {1, 3, 4}
    for row in range(5):
        y = 210 + 76 * row
        if row in chosen:
            c.box(182, y, 596, 66, p.second, 14)
        for column in range(4):
            width = (84, 110, 60, 90)[column] - 12 * ((row + column) % 3)
            c.box(206 + 150 * column, y + 25, width, 16, p.ink, 8, 0.85 if row in chosen else 0.22)
    for row in sorted(chosen):
        c.line(curve([(790, 243 + 76 * row), (850, 243 + 76 * row), (900, 360)]), 7, p.paper)
    _card(c, 900, 230, 220, 260, p.ink, 30)
    c.line([(1062, 292), (962, 292), (1018, 360), (962, 428), (1062, 428)], 20, p.second)


def _charts(c: Canvas, p: Palette) -> None:
    _card(c, 220, 110, 700, 500, p.paper, 26)
    for n in range(4):
        c.line([(270, 200 + 90 * n), (870, 200 + 90 * n)], 3, mix(p.paper, p.ink, 0.14))
    for n, height in enumerate((190, 240, 210, 300, 268)):
        c.box(300 + 116 * n, 560 - height, 74, height, p.accent if n == 3 else mix(p.paper, p.second, 0.9), 10)
    c.line([(270, 562), (870, 562)], 8, p.ink)
    c.shadow(846, 246, 250, 250, 125, 30, 0.35)
    c.line([(1060, 470), (1160, 584)], 38, p.ink)
    c.circle(972, 366, 136, p.ink)
    c.circle(972, 366, 112, mix(p.paper, "#ffffff", 0.5))
    c.box(900, 330, 60, 110, mix(p.paper, p.second, 0.9), 10)
    c.box(976, 300, 60, 140, p.accent, 10)
    c.line([(892, 442), (1052, 442)], 9, p.ink)
    c.arc(972, 366, 92, 8, 200, 250, "#ffffff")


def _statistics(c: Canvas, p: Palette) -> None:
    """A bell of balls."""
    for column in range(-8, 9):
        count = round(9.4 * math.exp(-((column / 3.6) ** 2)))
        for row in range(count):
            x, y = 640 + 52 * column, 584 - 52 * row
            c.circle(x, y + 4, 23, p.ink, 0.35)
            c.circle(x, y, 23, p.accent if abs(column) <= 2 else mix(p.second, p.paper, 0.35))
    c.line([(150, 622), (1130, 622)], 10, p.paper)
    bell = [(640 + 52 * t / 4, 590 - 500 * math.exp(-((t / 4 / 3.6) ** 2))) for t in range(-38, 39)]
    c.line(bell, 8, p.paper)


# --- Game Development ---


def _paddle(c: Canvas, p: Palette) -> None:
    colours = (p.accent, "#ffb35c", p.second, "#9a8cff")
    gone = {(2, 4), (2, 5), (3, 4), (3, 5), (3, 6), (1, 5)}
    for row in range(4):
        for column in range(8):
            if (row, column) not in gone:
                x, y = 180 + 117 * column, 96 + 56 * row
                c.box(x, y + 5, 104, 42, p.ink, 10, 0.5)
                c.box(x, y, 104, 42, colours[row], 10)
                c.box(x + 10, y + 7, 84, 6, "#ffffff", 3, 0.35)
    trail = [(800, 250), (1010, 430), (880, 560)]
    for n in range(40):
        part, share = divmod(n / 20, 1)
        one, other = (between(trail[int(part)], trail[int(part) + 1], share + step) for step in (0, 0.05))
        c.polygon(_stripe(one, other, 4 + n * 0.5), p.paper, 0.06 + 0.009 * n)
    c.glow(868, 572, 70, p.paper, 0.5)
    c.circle(868, 572, 27, "#ffffff")
    _card(c, 700, 618, 280, 38, p.second, 19)
    c.box(720, 625, 240, 8, "#ffffff", 4, 0.5)


def _stripe(one: Point, other: Point, half: float) -> list[Point]:
    """A straight piece of a trail, `half` pixels to each side."""
    length = math.dist(one, other)
    x, y = (one[1] - other[1]) * half / length, (other[0] - one[0]) * half / length
    return [
        (one[0] + x, one[1] + y),
        (other[0] + x, other[1] + y),
        (other[0] - x, other[1] - y),
        (one[0] - x, one[1] - y),
    ]


def _feel(c: Canvas, p: Palette) -> None:
    """One jump in seven moments."""
    c.box(0, 590, 1280, 130, p.ink, alpha=0.6)
    c.box(0, 590, 1280, 8, p.second)
    spots: list[Point] = [(200 + 880 * t / 60, 520 - 340 * (1 - ((t - 30) / 30) ** 2)) for t in range(61)]
    c.dashes(spots, 5, p.paper, 6, 16)
    looks = (
        (0, 1.5, 0.62),
        (9, 0.72, 1.42),
        (19, 0.88, 1.14),
        (30, 1, 1),
        (41, 0.9, 1.12),
        (51, 0.76, 1.36),
        (60, 1.6, 0.56),
    )
    for n, (at, across, down) in enumerate(looks):
        x, y = spots[at]
        width, height = 104 * across, 104 * down
        top = 590 - height if at in (0, 60) else y - height / 2
        strength = 1.0 if n == 3 else 0.5 + 0.05 * n
        colour = p.accent if n == 3 else mix(p.deep, p.accent, strength)
        c.box(x - width / 2, top, width, height, colour, 26)
        for side in (-1, 1):
            c.ellipse(x + side * 18 * across, top + height * 0.42, 8, 11 * down, p.paper, 0.5 + strength / 2)
    for side in (-1, 1):
        for n in range(3):
            c.circle(1080 + side * (100 + 30 * n), 574 - 16 * n, 11 - 3 * n, p.paper, 0.6)


POSTERS: dict[str, tuple[Palette, Drawing]] = {
    "html-and-css-that-last": (WEB, _html_css),
    "django-for-real-projects": (WEB, _django),
    "typescript-by-small-steps": (WEB, _typescript),
    "keeping-older-sites-alive": (WEB, _older_sites),
    "how-neural-networks-learn": (AI, _networks),
    "language-models-at-work": (AI, _language),
    "big-o-without-tears": (STRUCTURES, _big_o),
    "graphs-you-can-draw": (STRUCTURES, _graphs),
    "your-first-android-app": (APPS, _android),
    "apps-that-work-offline": (APPS, _offline),
    "from-spreadsheets-to-pandas": (DATA, _pandas),
    "honest-charts": (DATA, _charts),
    "statistics-for-decisions": (DATA, _statistics),
    "a-paddle-game-in-an-afternoon": (GAMES, _paddle),
    "game-feel": (GAMES, _feel),
}
