"""One set of colours for each category; posters and videos share it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """`deep` and `bright` are the background, `paper` and `ink` what lies on it, `accent` and `second` what matters."""

    deep: str
    bright: str
    paper: str
    ink: str
    accent: str
    second: str
    mark: str = ""  # what is current, on the background; the accent, where that stands out enough

    @property
    def marking(self) -> str:
        return self.mark or self.accent


WEB = Palette("#123a63", "#2a7fa8", "#f1f7fa", "#123a63", "#ffc857", "#6fc7da")
AI = Palette("#35205f", "#7a4bb0", "#f6f0ff", "#35205f", "#ff9b73", "#bf9cf2")
STRUCTURES = Palette("#0d453f", "#259179", "#edf8f3", "#0d453f", "#ffd36b", "#7fdcba")
APPS = Palette("#6d1c43", "#c64a6b", "#fff3f3", "#5a1737", "#ffcf8f", "#ff9fae")
DATA = Palette("#7c3f0a", "#d4852a", "#fff7e8", "#5e2f06", "#2c6e8f", "#ffd58a", "#fff1cf")
GAMES = Palette("#1a1a3d", "#3b3b92", "#eeeeff", "#1a1a3d", "#ff5f76", "#63e0e2")

BY_CATEGORY = {
    "Web Development": WEB,
    "Artificial Intelligence": AI,
    "Data Structures & Algorithms": STRUCTURES,
    "App Development": APPS,
    "Data Science": DATA,
    "Game Development": GAMES,
}
