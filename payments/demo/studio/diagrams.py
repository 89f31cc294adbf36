"""The moving half of each video: x from 270 to 610, y from 80 to 300, of 640 × 360."""

import itertools
import math

from payments.demo.studio.canvas import Canvas, Point, between, mix
from payments.demo.studio.palettes import Palette

Steps = tuple[float, ...]


def ease(t: float, start: float, length: float = 1.0) -> float:
    """0 before `start`, 1 after `length` seconds, smooth between."""
    share = min(max((t - start) / length, 0), 1)
    return share * share * (3 - 2 * share)


def page_layout(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    names, place, bend = ease(t, at[1], 1.5), ease(t, at[2], 1.8), ease(t, at[3], 2)
    width = 330 - 170 * bend
    left = 440 - width / 2
    c.box(left - 8, 76, width + 16, 224, p.paper, 10)
    # Each part: as flowing text, in the grid, on a phone. (x, y, width, height) in shares of the page.
    parts = (
        ("header", p.bright, (0, 0, 0.6, 0.12), (0, 0, 1, 0.16), (0, 0, 1, 0.13)),
        ("nav", p.second, (0, 0.2, 0.35, 0.16), (0, 0.2, 0.26, 0.6), (0, 0.17, 1, 0.13)),
        ("main", p.accent, (0, 0.43, 0.95, 0.34), (0.3, 0.2, 0.7, 0.6), (0, 0.34, 1, 0.46)),
        ("footer", p.bright, (0, 0.85, 0.5, 0.1), (0, 0.84, 1, 0.16), (0, 0.84, 1, 0.16)),
    )
    for n, (name, colour, flow, grid, phone) in enumerate(parts):
        x, y, w, h = (
            f + (g - f) * place + (q - g) * bend for f, g, q in zip(flow, grid, phone, strict=True)
        )  # fmt: skip
        x, y, w, h = left + x * width, 84 + y * 208, w * width, h * 208
        shown = ease(t, at[0] + n * 1.2, 0.8)
        c.box(x, y, w, h, colour, 5, names * (0.25 + 0.65 * place))
        if names > 0:
            c.frame(x, y, w, h, colour, 5, 2, names)
            c.text(x + w / 2, y + h / 2, name, 13, p.ink, "bold", "mm", names)
        for row in range(int(h / 14)):
            length = w * (0.55 if row == 0 else 0.92 - 0.17 * (row % 3)) * shown
            c.box(x + 6, y + 5 + row * 14, max(length - 12, 0), 6, p.ink, 3, 0.55 * (1 - names))


def request_cycle(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    spots: dict[str, Point] = {
        "browser": (322, 130),
        "address": (450, 130),
        "view": (558, 130),
        "data": (558, 248),
        "template": (400, 248),
    }
    way = ["browser", "address", "view", "data", "view", "template", "browser"]
    for one, other in (
        ("browser", "address"),
        ("address", "view"),
        ("view", "data"),
        ("view", "template"),
        ("template", "browser"),
    ):
        c.line([spots[one], spots[other]], 3, p.paper, 0.3)
    times = (at[0] + 0.5, at[1] + 0.3, at[1] + 2.5, at[2] + 0.4, at[2] + 3, at[3] + 0.4, at[3] + 3)
    here = max((n for n, moment in enumerate(times) if t >= moment), default=-1)
    for name, (x, y) in spots.items():
        is_here = here >= 0 and way[min(here, 6)] == name
        c.box(x - 46, y - 26, 92, 52, p.accent if is_here else p.paper, 12)
        c.text(x, y, name, 15, p.ink, "bold", "mm")
    if here >= 0:
        following = min(here + 1, 6)
        share = ease(t, times[following] - 0.9, 0.9) if following > here else 1
        x, y = between(spots[way[here]], spots[way[following]], share)
        c.circle(x, y - 34, 9, p.accent)
        c.circle(x, y - 34, 4, p.ink)


def neural_network(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    layers = [[(300, y) for y in (104, 156, 208)], [(392, y) for y in (92, 156, 220)], [(484, 156)]]
    weights = [0.9, 0.25, 0.55, 0.3, 0.8, 0.4, 0.5, 0.2, 0.95, 0.7, 0.35, 0.9]
    rounds = max(t - at[3], 0)
    number = 0
    for left, right in itertools.pairwise(layers):
        for one in left:
            for other in right:
                weight = min(max(weights[number] + 0.22 * math.sin(number * 2 + rounds) * (rounds > 0), 0.1), 1)
                heavy = ease(t, at[1], 2)
                c.line([one, other], 1.5 + 4.5 * weight * heavy, mix(p.second, p.accent, weight * heavy), 0.75)
                pulse = (t * 0.55 + number * 0.13) % 1
                if t > at[1] + 1:
                    c.circle(*between(one, other, pulse), 3, p.paper, 0.9)
                number += 1
    for n, layer in enumerate(layers):
        for m, (x, y) in enumerate(layer):
            shown = ease(t, (at[0] + m * 0.8) if n == 0 else at[1] + n * 0.8, 0.6)
            c.circle(x, y, 15, mix(p.deep, p.second, 0.5 + 0.5 * shown))
            c.circle(x, y, 9 * shown, p.paper)
    guess = 0.9 - 0.62 * (1 - math.exp(-rounds / 2.2))
    if t > at[2]:
        c.text(552, 100, "truth", 13, p.paper, anchor="mm")
        c.box(538, 112, 28, 92, p.paper, 6, 0.2)
        c.box(538, 204 - 92 * 0.28, 28, 92 * 0.28, p.second, 6)
        c.box(574, 112, 28, 92, p.paper, 6, 0.2)
        height = 92 * guess * ease(t, at[2], 1.2)
        c.box(574, 204 - height, 28, height, p.accent, 6)
        c.text(588, 100, "guess", 13, p.accent, anchor="mm")
    if rounds > 0:
        c.line([(300, 296), (600, 296)], 2, p.paper, 0.5)
        points = [(300 + 36 * s / 4, 292 - 50 * math.exp(-s / 4 / 2.2)) for s in range(int(min(rounds, 8.3) * 4) + 1)]
        if len(points) > 1:
            c.line(points, 3, p.accent)
        c.text(600, 250, "mistake", 13, p.accent, anchor="rm")


def next_token(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    again = t >= at[3]
    words = ["The", "ferry", "leaves", "at"]
    if t >= at[2] + 2:
        words.append("six")
    x, y = 274.0, 88.0
    for n, word in enumerate(words):
        width = 20 + 10 * len(word)
        shown = 1.0 if n == 4 else ease(t, at[0] + n * 0.8, 0.5)
        c.box(x, y, width, 32, p.accent if n == 4 else p.paper, 9, shown)
        c.text(x + width / 2, y + 16, word, 16, p.ink, "bold", "mm", shown)
        x += width + 7
    options = (
        (("in", 30), ("sharp", 48), ("and", 12), ("o'clock", 10))
        if again
        else (("six", 46), ("noon", 27), ("the", 9), ("once", 18))
    )
    start = at[3] + 1 if again else at[1] + 0.5
    for n, (word, score) in enumerate(options):
        shown = ease(t, start + n * 0.6, 1.2)
        row = 146 + 38 * n
        is_picked = (n == 1 and t > at[3] + 5) if again else (n == 0 and t > at[2] + 1)
        if shown <= 0:
            continue
        c.text(330, row + 12, word, 16, p.accent if is_picked else p.paper, "bold", "rm", min(shown * 2, 1))
        c.box(344, row, 250, 24, p.paper, 8, 0.14)
        c.box(344, row, 250 * score / 50 * shown, 24, p.accent if is_picked else p.second, 8)
        if shown > 0.6:
            c.text(588, row + 12, f"{score} %", 13, p.paper, anchor="rm")


def growth_curves(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    left, bottom = 290, 284
    c.line([(left, 84), (left, bottom), (606, bottom)], 3, p.paper)
    c.text(604, bottom + 14, "n", 15, p.paper, anchor="rm")
    curves = (
        ("log n", lambda s: 46 * math.log2(1 + 15 * s) / 4, p.second, 1.0),
        ("n", lambda s: 92 * s, p.paper, 1.0),
        ("n log n", lambda s: 150 * s * math.log2(1 + 3 * s) / 2, mix(p.accent, p.second, 0.5), 1.0),
        ("n²", lambda s: 196 * (s / 0.6) ** 2.2, p.accent, 0.6),
    )
    for n, (name, height, colour, end) in enumerate(curves):
        share = min(max((t - at[n] - 0.5) / 5, 0), 1)
        if share <= 0:
            continue
        is_current = n == max(m for m in range(4) if t >= at[m])
        points = [(left + 290 * end * share * s / 40, bottom - height(end * share * s / 40)) for s in range(41)]
        c.line(points, 5 if is_current else 3, colour)
        x, y = points[-1]
        c.circle(x, y, 6, colour)
        c.text(min(x + 8, 606), y - 14, name, 15, colour, "bold", "rm" if x > 560 else "lm")


GRAPH = ((306, 190), (372, 118), (378, 258), (444, 190), (476, 104), (504, 268), (544, 180), (594, 116), (596, 254))
EDGES = ((0, 1), (0, 2), (1, 3), (2, 3), (1, 4), (2, 5), (3, 4), (3, 5), (4, 6), (5, 6), (6, 7), (6, 8))
RINGS = (0, 1, 1, 2, 2, 2, 3, 4, 4)
WAY = (0, 1, 4, 6, 7)


def graph_walk(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    wave = (t - at[2] - 0.5) / 2.1
    for n, (a, b) in enumerate(EDGES):
        shown = ease(t, at[1] + n * 0.3, 0.5)
        if shown > 0:
            c.line([GRAPH[a], between(GRAPH[a], GRAPH[b], shown)], 3, p.paper, 0.4)
    if t > at[3]:
        c.line([GRAPH[n] for n in WAY[: 1 + int(min((t - at[3]) * 1.6, 4))]], 7, p.accent)
    for n, (x, y) in enumerate(GRAPH):
        shown = ease(t, at[0] + n * 0.35, 0.5)
        is_reached = t > at[2] and RINGS[n] <= wave
        if is_reached and wave - RINGS[n] < 0.6:
            c.ring(x, y, 16 + 24 * (wave - RINGS[n]), 2.5, p.accent, 1 - (wave - RINGS[n]) / 0.6)
        c.circle(x, y, 16 * shown, p.accent if is_reached else p.second)
        if shown > 0.9:
            c.text(x, y, str(RINGS[n]) if is_reached else "", 15, p.ink, "bold", "mm")


def phone_screen(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    shown = ease(t, at[1], 1.2)
    taps = [moment for moment in (at[2] + 2, at[2] + 5, at[3] + 3) if t >= moment]
    facts = 3 + len(taps)
    drawn = 3 + sum(t >= moment + 0.9 for moment in taps)
    c.box(280, 140, 116, 84, p.paper, 14, ease(t, at[0], 0.8))
    c.text(338, 160, "state", 14, p.bright, "bold", "mm", ease(t, at[0], 0.8))
    c.text(338, 192, f"days = {facts}", 19, p.ink, "mono", "mm", ease(t, at[0], 0.8))
    if shown > 0:
        c.dashes([(402, 170), (452, 170)], 3, p.accent, 6, 6, shift=-t * 16)
        c.box(462, 72, 132, 232, p.ink, 20)
        c.box(469, 79, 118, 218, p.paper, 15)
        c.text(528, 100, "My week", 14, p.ink, "bold", "mm")
        c.arc(528, 152, 32, 8, 0, 360, mix(p.paper, p.second, 0.5))
        c.arc(528, 152, 32, 8, -90, -90 + 360 * drawn / 7, p.bright)
        c.text(528, 152, str(drawn), 26, p.ink, "bold", "mm")
        for n in range(7):
            c.circle(486 + 14 * n, 204, 5, p.bright if n < drawn else mix(p.paper, p.second, 0.5))
        c.box(484, 226, 88, 36, p.bright, 12)
        c.text(528, 244, "Done today", 13, p.paper, "bold", "mm")
    if taps and t - taps[-1] < 0.9:
        share = t - taps[-1]
        c.ring(528, 244, 8 + 26 * share, 3, p.accent, 1 - share)
        c.dashes([(462, 244), (404, 210)], 3, p.accent, 6, 6, shift=-t * 24)


def sync_queue(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    is_online = t < at[0] or t >= at[3]
    c.box(276, 96, 92, 176, p.ink, 16)
    c.box(282, 102, 80, 164, p.paper, 12)
    c.box(528, 116, 80, 136, p.paper, 12)
    for n in range(4):
        c.box(538, 124 + 32 * n, 60, 26, mix(p.paper, p.second, 0.6), 6)
        c.circle(590, 137 + 32 * n, 4, p.bright)
    c.text(568, 270, "server", 14, p.paper, anchor="mm")
    c.text(322, 290, "device", 14, p.paper, anchor="mm")
    c.dashes(
        [(372, 184), (524, 184)], 3, p.second if is_online else mix(p.deep, p.second, 0.4), 8, 8, -t * 20 * is_online
    )
    c.text(
        448,
        96,
        "network: on" if is_online else "network: off",
        15,
        p.accent if not is_online else p.second,
        "bold",
        "mm",
    )
    if not is_online:
        c.line([(438, 118), (458, 138)], 4, p.accent)
        c.line([(458, 118), (438, 138)], 4, p.accent)
    for n in range(4):
        made, queued, sent = at[0] + 1 + n * 1.9, at[1] + 0.5 + n * 1.2, at[3] + 1 + n * 1.8
        if t >= made:
            home, waiting, away = (322, 126 + 34 * n), (500 - 32 * n, 184), (556, 137 + 32 * n)
            x, y = between(between(home, waiting, ease(t, queued, 1)), away, ease(t, sent, 1.4))
            size = (28 - 6 * ease(t, sent, 1.4)) * ease(t, made, 0.4)
            colour = p.second if t > sent + 1.4 else p.accent
            c.box(x - size / 2, y - size / 2, size, size, colour, 7)
            c.text(x, y, str(n + 1), 15, p.ink, "bold", "mm")


RIDES = (("red", 35), ("blue", 12), ("red", 48), ("blue", 31), ("red", 8), ("blue", 27))


def tables(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    keep = [n for n, (_, minutes) in enumerate(RIDES) if minutes > 20]
    grouped = sorted(keep, key=lambda n: (RIDES[n][0], n))
    filtered, group, total = ease(t, at[1] + 2, 1.5), ease(t, at[2], 2), ease(t, at[3], 1.5)
    c.box(290, 78, 200, 30, p.accent, 8)
    c.text(306, 93, "bicycle", 15, p.paper, "bold", "lm")
    c.text(474, 93, "minutes", 15, p.paper, "bold", "rm")
    for n, (bicycle, minutes) in enumerate(RIDES):
        shown = ease(t, at[0] + n * 0.5, 0.5)
        y = 114.0 + 31 * n
        if n in keep:
            y += (114 + 31 * keep.index(n) - y) * filtered
            place = grouped.index(n)
            y += (114 + 31 * place + 16 * (RIDES[n][0] == "red") - (114 + 31 * keep.index(n))) * group
        else:
            shown *= 1 - filtered
        is_dull = n not in keep and t > at[1]
        c.box(290, y, 200, 27, p.paper, 7, shown * (0.35 if is_dull else 1))
        c.circle(308, y + 13.5, 6, "#d4403a" if bicycle == "red" else p.accent, shown)
        c.text(322, y + 13.5, bicycle, 15, p.ink, anchor="lm", alpha=shown)
        c.text(474, y + 13.5, str(minutes), 15, p.ink, "bold", "rm", shown)
    if total > 0:
        for n, (colour, value) in enumerate(((p.accent, 58), ("#d4403a", 83))):
            y = 124 + 78 * n
            c.line([(494, y + 18), (494 + 20 * total, y + 18)], 3, p.paper)
            c.box(518, y - 6, 86, 48, p.ink, 10, total)
            c.circle(534, y + 18, 6, colour, total)
            c.text(594, y + 18, str(round(value * total)), 22, p.paper, "bold", "rm")


def honest_charts(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    base = 94 * (ease(t, at[1] + 1, 1.8) - ease(t, at[2] + 1, 1.8))
    shown, told = ease(t, at[0] + 0.5, 2), ease(t, at[3] + 0.5, 1)
    c.box(284, 78, 318, 222, p.paper, 12)
    if told > 0:
        c.text(443, 95, "Sales rose by 4 %", 17, p.ink, "bold", "mm", told)
    bottom, top = 268, 132
    scale = (bottom - top) / (101 - base)
    step = 2 if base > 80 else 10 if base > 50 else 25
    for value in range(0, 101, step):
        if value >= base:
            y = bottom - (value - base) * scale
            c.line([(326, y), (590, y)], 1, mix(p.paper, p.ink, 0.18))
            c.text(320, y, str(value), 13, p.ink, anchor="rm")
    for x, value, year, colour in ((362, 96, "last year", p.second), (480, 100, "this year", p.accent)):
        height = (value - base) * scale * shown
        c.box(x, bottom - height, 76, height, colour, 4)
        c.text(x + 38, bottom - height - 11, str(value), 15, p.ink, "bold", "mm", shown)
        c.text(x + 38, 284, year, 14, p.ink, anchor="mm")
    c.line([(326, bottom), (590, bottom)], 3, p.ink)
    if base > 60:
        c.line([(334, 262), (346, 256), (334, 250), (346, 244)], 3, "#d4403a")


def _bounce(distance: float, span: float) -> float:
    """Back and forth between 0 and `span`."""
    distance %= 2 * span
    return distance if distance <= span else 2 * span - distance


def paddle_game(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    c.box(284, 78, 316, 222, mix(p.ink, "#000000", 0.25), 12)
    c.frame(284, 78, 316, 222, p.second, 12, 2, 0.7)
    moving = max(t - at[1], 0)
    x, y = 300 + _bounce(96 + 74 * moving, 284), 276 - _bounce(30 + 92 * moving, 150)
    hits = int((30 + 92 * moving) / 150 + 1) // 2 if moving else 0
    colours = (p.accent, "#ffb35c", p.second)
    gone = {(7 * n + 3) % 21 for n in range(hits)} if t >= at[2] else set()
    for n in range(21):
        if n not in gone:
            c.box(293 + 43 * (n % 7), 87 + 13 * (n // 7), 39, 9, colours[n // 7], 3)
    paddle = 442 + 90 * math.sin(t * 1.6) * (at[0] < t < at[1])
    if moving:
        paddle = min(max(x, 322), 562)
    c.box(paddle - 30, 284, 60, 8, p.paper, 4)
    for n in range(1, 6 if moving else 1):
        back = max(moving - 0.06 * n, 0)
        c.circle(300 + _bounce(96 + 74 * back, 284), 276 - _bounce(30 + 92 * back, 150), 6 - n, p.paper, 0.4 - 0.06 * n)
    c.circle(x, y, 7, "#ffffff")
    if at[0] < t < at[1]:
        for n, key in enumerate(("←", "→")):
            is_down = (math.cos(t * 1.6) < 0) == (n == 0)
            c.box(400 + 48 * n, 190, 38, 34, p.accent if is_down else p.paper, 8)
            c.line([(411 + 48 * n, 207), (427 + 48 * n, 207)], 3, p.ink)
            tip = 411 + 48 * n if key == "←" else 427 + 48 * n
            side = 6 if key == "←" else -6
            c.line([(tip + side, 201), (tip, 207), (tip + side, 213)], 3, p.ink)
    if at[1] < t < at[2]:
        c.line([(x, y), (x + 26, y - 32)], 3, p.accent)
    if t > at[3]:
        c.text(442, 210, f"frame {int((t - at[3]) * 60):>4}", 22, p.paper, "mono", "mm", 0.85)


def _overshoot(s: float) -> float:
    return 1 + 2.7 * (s - 1) ** 3 + 1.7 * (s - 1) ** 2


def easing(c: Canvas, p: Palette, t: float, at: Steps) -> None:
    rules = (
        ("linear", lambda s: s),
        ("ease in", lambda s: s**2.6),
        ("ease out", lambda s: 1 - (1 - s) ** 2.6),
        ("overshoot", _overshoot),
    )
    current = max((n for n in range(4) if t >= at[n]), default=-1)
    turn = (t % 2.4) / 1.6
    share = min(turn, 1)
    for n, (name, rule) in enumerate(rules):
        y = 96 + 28 * n
        is_current = n == current
        c.line([(360, y), (596, y)], 2, p.paper, 0.25)
        c.text(
            350,
            y,
            name,
            15,
            p.accent if is_current else p.paper,
            "bold" if is_current else "regular",
            "rm",
            1 if n <= current else 0.3,
        )
        if n <= current:
            c.circle(366 + 214 * rule(share), y, 10, p.accent if is_current else p.second)
    if current >= 0:
        rule = rules[current][1]
        c.line([(380, 208), (380, 300), (590, 300)], 2, p.paper, 0.6)
        points = [(380 + 190 * s / 40, 300 - 78 * rule(s / 40)) for s in range(41)]
        c.line(points, 4, p.accent)
        c.circle(380 + 190 * share, 300 - 78 * rule(share), 7, p.paper)
        c.text(372, 216, "way", 13, p.paper, anchor="rm")
        c.text(588, 288, "time", 13, p.paper, anchor="rm")
