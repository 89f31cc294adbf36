"""Data Structures & Algorithms."""

from payments.demo.texts.shapes import CourseText, download, section, text, video

CATEGORY = "Data Structures & Algorithms"
DANIEL = "daniel.okafor@example.org"

BIG_O = CourseText(
    slug="big-o-without-tears",
    title="Big-O without tears",
    promise="Look at a loop and say how long it will take when the data grows a thousandfold.",
    description="""
Complexity is not a chapter to survive before the interview. It is the habit of asking “and if there were more?”.
In this course you count steps, draw the curve and then compare it with a stopwatch.

Code is in Python; any language will do.
""",
    outcomes=(
        "Count the steps of a piece of code",
        "Tell the six curves apart that matter in practice",
        "Spot the hidden loop inside a library call",
        "Decide when a faster algorithm is not worth it",
    ),
    category=CATEGORY,
    instructor=DANIEL,
    level="beginner",
    price_rupees=499,
    days_ago=300,
    sections=(
        section(
            "Counting",
            video("And if there were more?", "growth-curves", preview=True),
            video("Steps, not seconds", "growth-curves"),
            text(
                "Hidden loops",
                """
One line can be a loop. These look alike and are not:

```python
name in names_list      # looks at every name: n steps
name in names_set       # looks in one place: about 1 step

text += word            # may copy all the text so far, each time
"".join(words)          # copies once

items.pop()             # takes the last: 1 step
items.pop(0)            # moves all the others: n steps
```

## Rule of thumb

A computer does very roughly a hundred million simple steps a second in a fast language, and some ten million in
Python. So for n = 1,000,000: `n` is a blink, `n log n` a few seconds at worst, `n²` is more than a day.
""",
            ),
        ),
        section(
            "The curves",
            video("Halving: log n", "growth-curves"),
            video("Sorting: n log n", "growth-curves"),
            video("Pairs: n squared", "graph-walk"),
            download(
                "The card for your wall",
                "complexity-card.pdf",
                "One page: six curves, what they mean, and one example of each. "
                "Print it, or keep it beside your editor.",
            ),
        ),
    ),
)

GRAPHS = CourseText(
    slug="graphs-you-can-draw",
    title="Graphs you can draw",
    promise="See the graph in an everyday problem, and pick the walk that solves it.",
    description="""
Timetables, friendships, build steps, mazes: once the dots and lines are on paper, a handful of algorithms does the
rest. Each one is drawn first, walked by hand second and written in code last.

**You should know** lists, dictionaries and functions in any language.
""",
    outcomes=(
        "Turn a story into nodes and edges",
        "Walk a graph breadth-first and depth-first, and say which is right",
        "Find shortest ways with weights",
        "Put tasks into an order that respects what depends on what",
        "Recognise the problems that have no fast answer",
    ),
    category=CATEGORY,
    instructor=DANIEL,
    level="advanced",
    price_rupees=1499,
    days_ago=120,
    sections=(
        section(
            "Dots and lines",
            video("Everything is a map", "graph-walk", preview=True),
            video("Keeping a graph in memory", "tables"),
            text(
                "From story to graph",
                """
Three questions, always in this order:

1. **What is a dot?** A place, a person, a *state* (“the lift is on 3, the door is open”).
2. **What is a line?** One move. Does it go both ways?
3. **What does a line cost?** Nothing, one each, or a number.

| The story | A dot | A line |
|---|---|---|
| Fewest changes by bus | a bus line | a stop they share |
| Fastest way by bus | a stop | one ride, in minutes |
| Build order | a module | “needs” |

The same city gives different graphs for different questions. Choosing the dots is most of the work.
""",
            ),
        ),
        section(
            "Walks",
            video("Breadth first: rings on water", "graph-walk"),
            video("Depth first: one hand on the wall", "graph-walk"),
            video("Cheapest first", "growth-curves"),
        ),
        section(
            "Orders and limits",
            video("What must come before what", "graph-walk"),
            text(
                "Breadth-first search in fifteen lines",
                """
```python
from collections import deque

def fewest_steps(graph, start, goal):
    came_from = {start: None}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if here == goal:
            way = []
            while here is not None:
                way.append(here)
                here = came_from[here]
            return way[::-1]
        for there in graph[here]:
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return None
```

`came_from` does two jobs: it remembers where we have been, and it is the way back. Mark a dot when you *put it into*
the queue, not when you take it out; otherwise it can wait there many times.
""",
            ),
        ),
    ),
)

COURSES = (BIG_O, GRAPHS)
