"""A drawing surface with smooth edges: everything is drawn larger and made smaller at the end."""

import itertools
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Point = tuple[float, float]
Colour = tuple[int, ...]

FONT_FOLDERS = (
    "/usr/share/fonts/truetype/roboto/unhinted/RobotoTTF",
    "/usr/share/fonts/truetype/dejavu",
)
FONTS = {"regular": "Roboto-Regular.ttf", "bold": "Roboto-Bold.ttf", "mono": "DejaVuSansMono.ttf"}


@cache
def font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    """Debian's fonts-roboto and fonts-dejavu; only their drawn letters end up in what we ship."""
    for folder in FONT_FOLDERS:
        if (path := Path(folder) / FONTS[weight]).is_file():
            return ImageFont.truetype(path, size)
    raise FileNotFoundError(f"{FONTS[weight]}: install fonts-roboto and fonts-dejavu.")


def rgb(colour: str, alpha: float = 1) -> Colour:
    """#rrggbb as a tuple, with an alpha value from 0 to 1."""
    red, green, blue = (int(colour[n : n + 2], 16) for n in (1, 3, 5))
    return (red, green, blue, round(255 * alpha))


def mix(one: str, other: str, share: float) -> str:
    """`share` 0 is `one`, 1 is `other`."""
    pairs = zip(rgb(one)[:3], rgb(other)[:3], strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


class Canvas:
    """Coordinates are those of the finished picture; `zoom` is how much larger it is drawn."""

    def __init__(self, width: int, height: int, zoom: int, background: str | Image.Image = "#000000") -> None:
        self.width, self.height, self.zoom = width, height, zoom
        size = (width * zoom, height * zoom)
        self.image = background.copy() if isinstance(background, Image.Image) else Image.new("RGB", size, background)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def finished(self) -> Image.Image:
        return self.image.reduce(self.zoom)

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        return [(x * self.zoom, y * self.zoom) for x, y in points]

    def gradient(self, start: str, end: str, degrees: float = 35) -> None:
        """Over the whole surface, from one corner towards the other."""
        small = Image.new("RGB", (160, 90))
        across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        longest = 160 * across + 90 * down
        for x in range(160):
            for y in range(90):
                small.putpixel((x, y), rgb(mix(start, end, (x * across + y * down) / longest))[:3])
        self.image.paste(small.resize(self.image.size, Image.Resampling.BICUBIC))

    def box(
        self, x: float, y: float, width: float, height: float, colour: str, radius: float = 0, alpha: float = 1
    ) -> None:
        if width > 0 and height > 0:
            corners = self._scaled([(x, y), (x + width, y + height)])
            radius = min(radius, width / 2, height / 2)
            self.draw.rounded_rectangle(corners, radius * self.zoom, rgb(colour, alpha))

    def frame(
        self, x: float, y: float, width: float, height: float, colour: str, radius: float, line: float, alpha: float = 1
    ) -> None:
        corners = self._scaled([(x, y), (x + width, y + height)])
        self.draw.rounded_rectangle(corners, radius * self.zoom, None, rgb(colour, alpha), round(line * self.zoom))

    def circle(self, x: float, y: float, radius: float, colour: str, alpha: float = 1) -> None:
        if radius > 0:
            corners = self._scaled([(x - radius, y - radius), (x + radius, y + radius)])
            self.draw.ellipse(corners, rgb(colour, alpha))

    def ellipse(self, x: float, y: float, across: float, down: float, colour: str, alpha: float = 1) -> None:
        corners = self._scaled([(x - across, y - down), (x + across, y + down)])
        self.draw.ellipse(corners, rgb(colour, alpha))

    def ring(self, x: float, y: float, radius: float, line: float, colour: str, alpha: float = 1) -> None:
        self.arc(x, y, radius, line, 0, 360, colour, alpha)

    def arc(
        self, x: float, y: float, radius: float, line: float, start: float, end: float, colour: str, alpha: float = 1
    ) -> None:
        """Degrees, clockwise from the right."""
        outer = radius + line / 2
        corners = self._scaled([(x - outer, y - outer), (x + outer, y + outer)])
        self.draw.arc(corners, start, end, rgb(colour, alpha), round(line * self.zoom))

    def polygon(self, points: Sequence[Point], colour: str, alpha: float = 1) -> None:
        self.draw.polygon(self._scaled(points), rgb(colour, alpha))

    def line(self, points: Sequence[Point], line: float, colour: str, alpha: float = 1) -> None:
        """With round ends and joints."""
        scaled, width = self._scaled(points), max(round(line * self.zoom), 1)
        if alpha < 1:
            self._line_on_layer(scaled, width, rgb(colour), alpha)
            return
        self._round_line(self.draw, scaled, width, rgb(colour))

    def _round_line(self, draw: ImageDraw.ImageDraw, scaled: list[Point], width: int, colour: Colour) -> None:
        draw.line(scaled, colour, width, joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), colour)

    def _line_on_layer(self, scaled: list[Point], width: int, colour: Colour, alpha: float) -> None:
        """Where a see-through line covers itself it must not become denser. The layer is as small as the line."""
        left, top = (int(min(point[n] for point in scaled)) - width for n in (0, 1))
        right, bottom = (int(max(point[n] for point in scaled)) + width for n in (0, 1))
        layer = Image.new("L", (right - left + 1, bottom - top + 1), 0)
        moved = [(x - left, y - top) for x, y in scaled]
        self._round_line(ImageDraw.Draw(layer), moved, width, (round(255 * alpha),))
        self.image.paste(colour[:3], (left, top), layer)

    def dashes(
        self, points: Sequence[Point], line: float, colour: str, dash: float, gap: float, shift: float = 0
    ) -> None:
        """Round dashes along straight pieces; `shift` moves them, for animation."""
        at = -(shift % (dash + gap))
        for (x1, y1), (x2, y2) in itertools.pairwise(points):
            length = math.dist((x1, y1), (x2, y2)) or 1
            while at < length:
                start, end = max(at, 0), min(at + dash, length)
                if end > start:
                    ends = [(x1 + (x2 - x1) * t / length, y1 + (y2 - y1) * t / length) for t in (start, end)]
                    self.line(ends, line, colour)
                at += dash + gap
            at -= length

    def text(
        self, x: float, y: float, words: str, size: int, colour: str, weight: str = "regular", anchor: str = "la",
        alpha: float = 1,
    ) -> None:  # fmt: skip
        at, letters = (x * self.zoom, y * self.zoom), font(weight, size * self.zoom)
        if alpha >= 1:
            self.draw.text(at, words, rgb(colour), letters, anchor)
        elif alpha > 0 and words:
            # Pillow draws see-through text opaque on an RGB picture.
            left, top, right, bottom = (round(side) for side in self.draw.textbbox(at, words, letters, anchor))
            mask = Image.new("L", (right - left + 2, bottom - top + 2), 0)
            ImageDraw.Draw(mask).text((at[0] - left, at[1] - top), words, round(255 * alpha), letters, anchor)
            self.image.paste(rgb(colour)[:3], (left, top), mask)

    def shadow(self, x: float, y: float, width: float, height: float, radius: float, blur: float, alpha: float) -> None:
        """Of a box that will be drawn over it; worked out small, since it is soft anyway."""
        size = (self.width // 2, self.height // 2)
        layer = Image.new("L", size, 0)
        corners = [(x / 2, y / 2), ((x + width) / 2, (y + height) / 2)]
        ImageDraw.Draw(layer).rounded_rectangle(corners, radius / 2, round(255 * alpha))
        layer = layer.filter(ImageFilter.GaussianBlur(blur / 2)).resize(self.image.size, Image.Resampling.BICUBIC)
        self.image.paste((8, 8, 24), mask=layer)

    def glow(self, x: float, y: float, radius: float, colour: str, alpha: float) -> None:
        layer = Image.new("L", (self.width // 4, self.height // 4), 0)
        at = [((x - radius) / 4, (y - radius) / 4), ((x + radius) / 4, (y + radius) / 4)]
        ImageDraw.Draw(layer).ellipse(at, round(255 * alpha))
        layer = layer.filter(ImageFilter.GaussianBlur(radius / 8)).resize(self.image.size, Image.Resampling.BICUBIC)
        self.image.paste(rgb(colour)[:3], mask=layer)


def between(one: Point, other: Point, share: float) -> Point:
    return (one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share)


def curve(points: Sequence[Point], steps: int = 24) -> list[Point]:
    """A smooth line through all the points (Catmull-Rom)."""
    ends = [points[0], *points, points[-1]]
    smooth = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for step in range(steps):
            t = step / steps
            smooth.append(tuple(_catmull(a[n], b[n], c[n], d[n], t) for n in (0, 1)))
    return [*smooth, points[-1]]  # type: ignore[list-item]


def _catmull(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
