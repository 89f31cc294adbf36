"""Game Development."""

from payments.demo.texts.shapes import CourseText, download, section, text, video

CATEGORY = "Game Development"
TOMAS = "tomas.rivera@example.org"

PADDLE = CourseText(
    slug="a-paddle-game-in-an-afternoon",
    title="A paddle game in an afternoon",
    promise="Write a complete little game in plain JavaScript, and understand every line of it.",
    description="""
A ball, a paddle, a wall of bricks. A hundred lines, no engine, nothing to install. It is the smallest thing that is
really a game, and every larger one has the same heart: a loop that asks, moves and draws.

Free, because everybody should have made a game once.
""",
    outcomes=(
        "Write a game loop that runs at the same speed everywhere",
        "Move things, and notice when they meet",
        "Read keys and touches",
        "Finish something, and show it to somebody",
    ),
    category=CATEGORY,
    instructor=TOMAS,
    level="beginner",
    price_rupees=0,
    days_ago=270,
    sections=(
        section(
            "The loop",
            video("Ask, move, draw", "paddle-game", preview=True),
            video("The same speed everywhere", "growth-curves"),
            download(
                "The finished game",
                "paddle-game.zip",
                "Unpack and open `index.html`. Play it first, then take it apart: a hundred lines, each with a reason.",
            ),
        ),
        section(
            "Things that meet",
            video("Bouncing", "paddle-game"),
            video("Bricks", "paddle-game"),
            text(
                "Did they touch?",
                """
Two boxes overlap when they overlap **both** ways, across and down:

```js
const touches = (a, b) =>
  a.x < b.x + b.width && b.x < a.x + a.width &&
  a.y < b.y + b.height && b.y < a.y + a.height;
```

On which side did the ball hit? Compare how deep it is in, across and down. The smaller one is the side it came through:

```js
const across = Math.min(a.x + a.width - b.x, b.x + b.width - a.x);
const down = Math.min(a.y + a.height - b.y, b.y + b.height - a.y);
if (across < down) ball.vx = -ball.vx;
else ball.vy = -ball.vy;
```

If the ball sticks inside a brick, move it out *before* turning it round.
""",
            ),
            video("Three lives and an ending", "paddle-game"),
        ),
    ),
)

FEEL = CourseText(
    slug="game-feel",
    title="Game feel",
    promise="Make a jump, a hit and a door feel right, with numbers that you can explain.",
    description="""
The same game, once with and once without: easing, anticipation, a little shake, a pause of three frames. Players cannot
name it, but they know at once.

Engine-neutral: the examples are short enough to carry over to whatever you use.

**You should have** made at least one small game.
""",
    outcomes=(
        "Shape a jump by its height and its time, not by trial",
        "Ease movements in and out",
        "Forgive the player: late jumps, early presses",
        "Use shake, pause and sound without overdoing it",
    ),
    category=CATEGORY,
    instructor=TOMAS,
    level="advanced",
    price_rupees=3499,
    days_ago=14,
    sections=(
        section(
            "Movement",
            video("Linear is lifeless", "easing", preview=True),
            video("A jump you can design", "easing"),
            text(
                "The numbers behind a jump",
                """
Decide how high (`h`) and how long until the top (`t`). Then there is nothing left to guess:

```text
gravity        g = 2 · h / t²
first speed    v = 2 · h / t
```

A jump of 3 metres that takes 0.4 seconds to the top: `g = 37.5 m/s²`, `v = 15 m/s`. That is nearly four times the
earth's gravity, and it feels right: real gravity feels like the moon.

- Fall faster than you rise: multiply gravity by 1.5 on the way down.
- A short press is a small jump: when the button is let go while rising, halve the speed.
- Allow a jump for 0.1 s after leaving the edge. Nobody will notice, everybody will feel it.
""",
            ),
        ),
        section("Weight", video("Squash and stretch", "easing"), video("Three frames of nothing", "easing")),
        section(
            "Kindness",
            video("Forgiving the player", "paddle-game"),
            video("How much is too much?", "honest-charts"),
            text(
                "A list to take away",
                """
- Every press answers within 50 milliseconds, if only with a sound.
- Shake fades out; it never just stops.
- Everything that shakes or flashes can be switched off.
- Try it with the sound off, and with your eyes half closed. Is it still clear what happened?
""",
            ),
        ),
    ),
)

COURSES = (PADDLE, FEEL)
