"""What the videos say: a title and steps, each with the second at which it comes and the sentence for the captions."""

from collections.abc import Callable
from dataclasses import dataclass

from payments.demo.studio import diagrams
from payments.demo.studio.canvas import Canvas
from payments.demo.studio.palettes import AI, APPS, DATA, GAMES, STRUCTURES, WEB, Palette

Diagram = Callable[[Canvas, Palette, float, tuple[float, ...]], None]


@dataclass(frozen=True)
class Step:
    second: float
    label: str
    sentence: str


@dataclass(frozen=True)
class Storyboard:
    """`diagram` draws the right half at a second, given the seconds at which the steps come."""

    title: str
    palette: Palette
    seconds: int
    diagram: Diagram
    steps: tuple[Step, ...]


def _board(title: str, palette: Palette, seconds: int, diagram: Diagram, *steps: tuple[float, str, str]) -> Storyboard:
    return Storyboard(title, palette, seconds, diagram, tuple(Step(*step) for step in steps))


STORYBOARDS = {
    "page-layout": _board(
        "What a page is made of",
        WEB,
        34,
        diagrams.page_layout,
        (2, "Text comes first", "A page begins as text: a heading, some paragraphs, a list."),
        (10, "Name the parts", "Then each part gets a name: header, navigation, main, footer."),
        (18, "Place them", "The grid puts every part in its place."),
        (26, "Let it bend", "On a narrow screen the same parts stack up. Nothing is lost."),
    ),
    "request-cycle": _board(
        "From address to answer",
        WEB,
        32,
        diagrams.request_cycle,
        (2, "The browser asks", "A request leaves the browser. All it carries is an address and a few headers."),
        (9, "The address picks a view", "The address decides which view is called."),
        (16, "The view asks the data", "The view fetches what this person may see, and nothing else."),
        (23, "The template answers", "The template turns it into a page, and the answer goes back."),
    ),
    "neural-network": _board(
        "A weighted opinion",
        AI,
        36,
        diagrams.neural_network,
        (2, "Numbers come in", "Numbers come in on the left, one for each input."),
        (10, "Each weight has a say", "Every line has a weight. Thick lines have more to say."),
        (19, "Compare with the truth", "At the end there is a guess. How far is it from the truth?"),
        (27, "Nudge and repeat", "Nudge every weight a little, and try again. The mistake shrinks."),
    ),
    "next-token": _board(
        "One word after another",
        AI,
        32,
        diagrams.next_token,
        (2, "Read what is there", "The model reads all the words so far."),
        (9, "Score the next word", "It gives every possible next word a score."),
        (17, "Pick one", "One of them is picked: mostly the likeliest, not always."),
        (24, "Start again", "Then it starts again, with one word more."),
    ),
    "growth-curves": _board(
        "And if there were more?",
        STRUCTURES,
        34,
        diagrams.growth_curves,
        (2, "Halving: log n", "Halve the heap each time, and even a million is twenty steps."),
        (10, "Once through: n", "Look at each thing once: twice the data, twice the time."),
        (18, "Sorting: n log n", "Sorting first costs a little more than one look."),
        (26, "Every pair: n²", "Compare each with each, and the curve leaves the page."),
    ),
    "graph-walk": _board(
        "Everything is a map",
        STRUCTURES,
        34,
        diagrams.graph_walk,
        (2, "Dots are places", "Every dot is a place, a person, or a state of things."),
        (8, "Lines are moves", "Every line is one move that is possible."),
        (15, "Walk in rings", "Walk outwards in rings, as waves do on water."),
        (27, "First way is shortest", "The first way to arrive is one with the fewest steps."),
    ),
    "phone-screen": _board(
        "What an app is",
        APPS,
        32,
        diagrams.phone_screen,
        (2, "State: a few facts", "An app keeps a few facts. Here it is one number."),
        (9, "A screen shows them", "The screen is drawn from the facts, and only from them."),
        (16, "A tap changes a fact", "A tap changes a fact. It does not touch the screen."),
        (24, "And it is drawn anew", "Then the screen is drawn anew. That is all there is to it."),
    ),
    "sync-queue": _board(
        "Store first, send later",
        APPS,
        36,
        diagrams.sync_queue,
        (2, "Save on the device", "What somebody does is saved on the device, at once."),
        (11, "Line up the changes", "Changes wait in a queue, in the order in which they were made."),
        (19, "Wait for a network", "No network is nothing special. They go on waiting."),
        (26, "Send, safe to repeat", "When it is back they are sent, each with a key, safe to repeat."),
    ),
    "tables": _board(
        "Filter, group, add up",
        DATA,
        34,
        diagrams.tables,
        (2, "Look at the rows", "Six rides: which bicycle, and how many minutes."),
        (9, "Filter", "Filter: keep the rides that are longer than twenty minutes."),
        (17, "Group", "Group: rides of the same bicycle move together."),
        (25, "Add up", "Add up: one number for each group, and the table is a report."),
    ),
    "honest-charts": _board(
        "Where the axis starts",
        DATA,
        32,
        diagrams.honest_charts,
        (2, "Two honest numbers", "Last year 96, this year 100. That is four per cent more."),
        (9, "Cut the axis", "Start the axis at 94, and it looks like three times as much."),
        (17, "Start at zero", "Start at zero, and the bars tell the truth again."),
        (24, "Say it in the title", "If four per cent matter, say so in the title."),
    ),
    "paddle-game": _board(
        "Ask, move, draw",
        GAMES,
        34,
        diagrams.paddle_game,
        (2, "Ask: which keys?", "First ask: which keys are down, how much time has passed?"),
        (10, "Move: speed × time", "Then move everything by its speed, times the time."),
        (18, "Meet: turn round", "Where things meet, turn the speed round."),
        (26, "Draw, and once more", "Draw it all, sixty times a second. That is a game."),
    ),
    "easing": _board(
        "Linear is lifeless",
        GAMES,
        36,
        diagrams.easing,
        (2, "Linear", "Linear: it starts at full speed and stops dead."),
        (10, "Ease in", "Ease in: it gathers speed, as everything heavy does."),
        (19, "Ease out", "Ease out: it slows down before it arrives."),
        (27, "Overshoot", "Overshoot: it goes a little too far, and comes back. That is weight."),
    ),
}
