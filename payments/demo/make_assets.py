"""Draws the committed assets of the demonstration school again: `python -m payments.demo.make_assets`.

Run by hand after a change in payments/demo/studio, never by the site: it needs ffmpeg with libx264 (Debian: ffmpeg) and
the fonts Roboto and DejaVu (fonts-roboto, fonts-dejavu). Names after the command draw only those, for example
`python -m payments.demo.make_assets page-layout game-feel downloads`.
"""

import json
import sys
from pathlib import Path

from payments.demo.studio.downloads import make_downloads
from payments.demo.studio.portraits import PORTRAITS, draw_portrait
from payments.demo.studio.posters import POSTERS, draw_poster
from payments.demo.studio.storyboards import STORYBOARDS
from payments.demo.studio.videos import make_video

FOLDER = Path(__file__).parent / "assets"


def main(names: list[str]) -> None:
    wanted = set(names) or {*STORYBOARDS, *POSTERS, *PORTRAITS, "downloads"}
    for kind in ("videos", "posters", "photos", "downloads"):
        (FOLDER / kind).mkdir(parents=True, exist_ok=True)
    for name in sorted(wanted & set(POSTERS)):
        draw_poster(name).save(FOLDER / "posters" / f"{name}.webp", quality=92, method=6)
    for name in sorted(wanted & set(PORTRAITS)):
        draw_portrait(name).save(FOLDER / "photos" / f"{name}.webp", quality=88, method=6)
    for name in sorted(wanted & set(STORYBOARDS)):
        make_video(name, FOLDER / "videos")
    if "downloads" in wanted:
        make_downloads(FOLDER / "downloads")
    seconds = {name: board.seconds for name, board in sorted(STORYBOARDS.items())}
    (FOLDER / "videos.json").write_text(json.dumps(seconds, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
