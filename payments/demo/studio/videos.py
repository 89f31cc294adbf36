"""Turns a storyboard into an MP4 that every browser plays and a WebVTT file. 640 × 360."""

import array
import math
import subprocess
import wave
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from payments.demo.studio.canvas import Canvas, mix
from payments.demo.studio.diagrams import ease
from payments.demo.studio.storyboards import STORYBOARDS, Storyboard

WIDTH, HEIGHT, ZOOM, FRAMES_PER_SECOND = 640, 360, 2, 12
SOUND_RATE = 22050
MAX_BYTES = 350 * 1024
CHORDS = {"#ffc857": (196.0, 246.9, 293.7), "#ff9b73": (174.6, 220.0, 261.6), "#ffd36b": (164.8, 207.7, 246.9)}


def make_video(name: str, folder: Path) -> None:
    """Writes <name>.vtt, and <name>.mp4 once it is whole. Raises CalledProcessError if ffmpeg gives up."""
    board = STORYBOARDS[name]
    (folder / f"{name}.vtt").write_text(captions(board), encoding="utf-8")
    with TemporaryDirectory() as desk:
        sound, film = Path(desk, "sound.wav"), Path(desk, "film.mp4")
        _write_sound(board, sound)
        for quality in (27, 30, 33):
            _encode(board, sound, film, quality)
            if film.stat().st_size <= MAX_BYTES:
                break
        (folder / f"{name}.mp4").write_bytes(film.read_bytes())


def _encode(board: Storyboard, sound: Path, film: Path, quality: int) -> None:
    """A higher number for `quality` is a worse picture in a smaller file."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}"]
    command += ["-r", str(FRAMES_PER_SECOND), "-i", "-", "-i", str(sound), "-c:v", "libx264", "-profile:v", "main"]
    command += ["-pix_fmt", "yuv420p", "-preset", "slow", "-tune", "animation", "-crf", str(quality), "-g", "48"]
    command += ["-c:a", "aac", "-b:a", "24k", "-ac", "1", "-movflags", "+faststart", "-shortest", "-map_metadata", "-1"]
    with subprocess.Popen([*command, str(film)], stdin=subprocess.PIPE) as encoder:  # noqa: S603
        assert encoder.stdin  # noqa: S101  for the type checker
        still = _still(board)
        for number in range(board.seconds * FRAMES_PER_SECOND):
            encoder.stdin.write(draw_frame(board, number / FRAMES_PER_SECOND, still).tobytes())
        encoder.stdin.close()
        if encoder.wait():
            raise subprocess.CalledProcessError(encoder.returncode, command)


def captions(board: Storyboard) -> str:
    """The title first, then each step's sentence until the next begins."""
    ends = [*(step.second for step in board.steps[1:]), board.seconds]
    cues = [(0.2, board.steps[0].second, f"{board.title}.")]
    cues += [(step.second, end, step.sentence) for step, end in zip(board.steps, ends, strict=True)]
    return "WEBVTT\n" + "".join(
        f"\n{number}\n{_time(start)} --> {_time(end - 0.1)}\n{words}\n"
        for number, (start, end, words) in enumerate(cues, 1)
    )


def _time(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes):02}:{rest:06.3f}"


def _still(board: Storyboard) -> Image.Image:
    """What never moves."""
    p = board.palette
    c = Canvas(WIDTH, HEIGHT, ZOOM)
    c.gradient(p.deep, mix(p.deep, p.bright, 0.55))
    c.circle(620, 20, 150, p.bright, 0.18)
    c.circle(40, 370, 120, p.bright, 0.14)
    c.text(30, 22, board.title, 27, p.paper, "bold")
    return c.image


def draw_frame(board: Storyboard, t: float, still: Image.Image | None = None) -> Image.Image:
    p = board.palette
    c = Canvas(WIDTH, HEIGHT, ZOOM, still or _still(board))
    c.box(30, 58, 46 * ease(t, 0.2, 1), 4, p.marking, 2)
    current = max((n for n, step in enumerate(board.steps) if t >= step.second), default=-1)
    for n, step in enumerate(board.steps):
        shown = ease(t, step.second, 0.6)
        y = 102 + 46 * n
        c.circle(42, y, 13, p.marking if n == current else mix(p.deep, p.second, 0.8), 0.25 + 0.75 * shown)
        c.text(42, y, str(n + 1), 15, p.ink if n <= current else p.paper, "bold", "mm", 0.4 + 0.6 * shown)
        if shown > 0:
            x = 64 + 14 * (1 - shown)
            c.text(x, y, step.label, 16, p.paper, "bold" if n == current else "regular", "lm", shown)
    board.diagram(c, p, t, tuple(step.second for step in board.steps))
    c.text(610, 38, f"{_clock(t)} / {_clock(board.seconds)}", 15, p.paper, "mono", "rm", 0.85)
    c.box(30, 336, 580, 4, p.paper, 2, 0.2)
    c.box(30, 336, 580 * t / board.seconds, 4, p.marking, 2)
    return c.finished()


def _clock(seconds: float) -> str:
    return f"0:{int(seconds):02}"


def _write_sound(board: Storyboard, path: Path) -> None:
    """A soft chord that breathes, and a small bell with each step; quiet, so that nobody is startled."""
    tones = CHORDS.get(board.palette.accent, (146.8, 185.0, 220.0))
    samples = array.array("h")
    bells = [int(step.second * SOUND_RATE) for step in board.steps]
    total = board.seconds * SOUND_RATE
    for n in range(total):
        t = n / SOUND_RATE
        fade = min(t / 2, 1) * min((board.seconds - t) / 2, 1)
        value = sum(math.sin(2 * math.pi * tone * t) for tone in tones) * (0.6 + 0.4 * math.sin(0.7 * t)) * fade * 420
        for start in bells:
            if 0 <= n - start < SOUND_RATE * 2:
                age = (n - start) / SOUND_RATE
                value += math.sin(2 * math.pi * tones[0] * 4 * age) * math.exp(-3.5 * age) * 1500
        samples.append(int(value))
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SOUND_RATE)
        sound.writeframes(samples.tobytes())
