"""Pictures of people without likeness: a head, hair and shoulders of plain shapes. 256 × 256."""

from dataclasses import dataclass

from PIL import Image

from payments.demo.studio.canvas import Canvas, mix

SIZE, ZOOM = 256, 4


@dataclass(frozen=True)
class Look:
    """`hair` is long, short, bun, curly or scarf."""

    start: str
    end: str
    skin: str
    hair_colour: str
    hair: str
    shirt: str
    has_glasses: bool = False
    has_beard: bool = False


PORTRAITS = {
    "meera": Look("#2a7fa8", "#123a63", "#b9794f", "#241a1a", "bun", "#ffc857"),
    "arjun": Look("#9a6fd0", "#35205f", "#a86b42", "#1d1716", "short", "#f6f0ff", has_glasses=True, has_beard=True),
    "lakshmi": Look("#ffb59a", "#7a4bb0", "#c08457", "#2b1d1a", "long", "#35205f", has_glasses=True),
    "daniel": Look("#7fdcba", "#0d453f", "#6b4226", "#15110f", "curly", "#ffd36b"),
    "farah": Look("#ffcf8f", "#c64a6b", "#d9a073", "#6d1c43", "scarf", "#fff3f3"),
    "kavya": Look("#ffd58a", "#b5651d", "#a4683f", "#1c1413", "long", "#2c6e8f"),
    "tomas": Look("#63e0e2", "#3b3b92", "#e0ac82", "#4a2f22", "short", "#ff5f76", has_beard=True),
    "asha": Look("#ff9fae", "#6d1c43", "#bb7d50", "#211817", "bun", "#edf8f3"),
}


def draw_portrait(name: str) -> Image.Image:
    look = PORTRAITS[name]
    c = Canvas(SIZE, SIZE, ZOOM)
    c.gradient(look.start, look.end, 60)
    c.circle(206, 50, 74, look.start, 0.35)
    _hair_behind(c, look)
    shade = mix(look.skin, "#000000", 0.14)
    c.box(106, 150, 44, 60, shade, 18)
    c.ellipse(128, 262, 96, 72, look.shirt)
    c.ellipse(128, 196, 30, 16, shade)
    c.ellipse(128, 116, 50, 58, look.skin)
    if look.hair != "scarf":
        for side in (-1, 1):
            c.circle(128 + side * 50, 120, 9, look.skin)
    _face(c, look)
    _hair_in_front(c, look)
    return c.finished()


def _face(c: Canvas, look: Look) -> None:
    dark = mix(look.skin, "#160d0b", 0.8)
    if look.has_beard:
        c.draw.pieslice([v * ZOOM for v in (78, 62, 178, 178)], 12, 168, fill=look.hair_colour)
        c.ellipse(128, 128, 38, 30, look.skin)
        c.ellipse(128, 150, 17, 8, mix(look.skin, "#c04040", 0.35))
    else:
        c.arc(128, 136, 18, 4, 25, 155, dark)
    for side in (-1, 1):
        c.ellipse(128 + side * 19, 112, 4.6, 5.6, dark)
        c.line([(128 + side * 12, 97), (128 + side * 27, 98)], 4, look.hair_colour if look.hair != "scarf" else dark)
        if look.has_glasses:
            c.ring(128 + side * 19, 113, 14, 3.2, "#22222e")
    if look.has_glasses:
        c.line([(123, 112), (133, 112)], 3, "#22222e")
    c.line([(128, 116), (125, 128), (130, 129)], 3, mix(look.skin, "#000000", 0.25))


def _hair_behind(c: Canvas, look: Look) -> None:
    if look.hair == "long":
        c.box(68, 62, 120, 156, look.hair_colour, 58)
    elif look.hair == "bun":
        c.circle(128, 42, 27, look.hair_colour)
        c.ellipse(128, 104, 60, 60, look.hair_colour)
    elif look.hair == "curly":
        for x, y in ((84, 84), (96, 58), (128, 46), (160, 58), (172, 84), (78, 108), (178, 108)):
            c.circle(x, y, 25, look.hair_colour)
    elif look.hair == "scarf":
        c.ellipse(128, 122, 68, 78, look.hair_colour)
        c.box(74, 140, 108, 76, look.hair_colour, 40)


def _hair_in_front(c: Canvas, look: Look) -> None:
    if look.hair == "scarf":
        c.draw.chord([v * ZOOM for v in (72, 48, 184, 142)], 196, 344, fill=look.hair_colour)
        return
    c.draw.chord([v * ZOOM for v in (74, 50, 182, 142)], 190, 350, fill=look.hair_colour)
    if look.hair in ("long", "bun"):
        c.draw.chord([v * ZOOM for v in (74, 54, 150, 140)], 150, 300, fill=look.hair_colour)
    if look.hair == "short":
        c.ellipse(128, 72, 48, 22, look.hair_colour)
