"""How a demonstration course is written down."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LectureText:
    """One lecture. `video` and `file` name assets; `text` is markdown: the lecture itself, or notes beside it."""

    title: str
    video: str = ""
    file: str = ""
    text: str = ""
    is_preview: bool = False

    @property
    def kind(self) -> str:
        return "video" if self.video else "file" if self.file else "text"


@dataclass(frozen=True)
class SectionText:
    title: str
    lectures: tuple[LectureText, ...]


@dataclass(frozen=True)
class CourseText:
    """`poster` is an asset's name, `instructor` an e-mail address, `days_ago` when it was published (or begun)."""

    slug: str
    title: str
    promise: str
    description: str
    outcomes: tuple[str, ...]
    category: str
    instructor: str
    level: str
    price_rupees: int
    days_ago: int
    sections: tuple[SectionText, ...]
    status: str = "published"
    poster: str = field(default="")


def video(title: str, name: str, text: str = "", *, preview: bool = False) -> LectureText:
    return LectureText(title, video=name, text=text.strip(), is_preview=preview)


def text(title: str, words: str, *, preview: bool = False) -> LectureText:
    return LectureText(title, text=words.strip(), is_preview=preview)


def download(title: str, name: str, words: str) -> LectureText:
    return LectureText(title, file=name, text=words.strip())


def section(title: str, *lectures: LectureText) -> SectionText:
    return SectionText(title, lectures)
