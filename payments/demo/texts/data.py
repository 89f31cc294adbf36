"""Data Science."""

from payments.demo.texts.shapes import CourseText, download, section, text, video

CATEGORY = "Data Science"
KAVYA = "kavya.reddy@example.org"

PANDAS = CourseText(
    slug="from-spreadsheets-to-pandas",
    title="From spreadsheets to pandas",
    promise="Do in ten readable lines what takes an afternoon of copying between sheets.",
    description="""
You know your data and you know your spreadsheet. This course translates: filter, look-up, pivot table, and the monthly
report that somebody makes by hand. At the end a script makes it, the same way each time.

We work with 240 bicycle rides, small enough to check by eye.
""",
    outcomes=(
        "Read a messy CSV file without surprises",
        "Filter, group and join, and say what each costs",
        "Replace a pivot table by one line",
        "Turn a monthly chore into a script that a colleague can read",
    ),
    category=CATEGORY,
    instructor=KAVYA,
    level="beginner",
    price_rupees=999,
    days_ago=240,
    sections=(
        section(
            "Rows and columns",
            video("Filter, group, add up", "tables", preview=True),
            download(
                "The rides",
                "bicycle-rides.zip",
                "240 rides of one summer as CSV, and a note on what the columns mean. "
                "The data are invented; the mess in them is real.",
            ),
            video("Reading a file that lies", "tables"),
        ),
        section(
            "Spreadsheet habits, translated",
            text(
                "A phrase book",
                """
```python
import pandas as pd
rides = pd.read_csv("rides.csv", parse_dates=["started_at"])
```

**Filter: only long rides**
```python
rides[rides["minutes"] > 45]
```

**SUMIF: minutes by bicycle**
```python
rides.groupby("bicycle")["minutes"].sum()
```

**VLOOKUP: add the station's district**
```python
rides.merge(stations, on="station", how="left", validate="many_to_one")
```
`validate` is the line that saves you: it stops when a station is listed twice, instead of quietly doubling rides.

**Pivot table: rides by weekday and district**
```python
rides.pivot_table(index="weekday", columns="district", values="ride", aggfunc="count", fill_value=0)
```
""",
            ),
            video("The look-up that doubles rows", "tables"),
            video("Pivot tables in one line", "tables"),
        ),
        section(
            "The monthly report",
            video("From notebook to script", "request-cycle"),
            video("A chart at the end", "honest-charts"),
        ),
    ),
)

CHARTS = CourseText(
    slug="honest-charts",
    title="Honest charts",
    promise="Draw charts that a busy person reads in five seconds and a sceptic cannot fault.",
    description="""
A chart is an argument. This course is about making it a fair one: the axis that starts where it should, the colour that
means something, the comparison that is one.

It uses no particular software. Bring a chart of your own; you will redraw it three times.
""",
    outcomes=(
        "Choose a chart by the question it answers",
        "Recognise seven ways in which charts mislead",
        "Use colour for meaning, also for people who see it differently",
        "Write a title that says what the chart shows",
    ),
    category=CATEGORY,
    instructor=KAVYA,
    level="beginner",
    price_rupees=799,
    days_ago=90,
    sections=(
        section(
            "The question first",
            video("Where the axis starts", "honest-charts", preview=True),
            video("Bars, lines and dots", "honest-charts"),
            text(
                "Choose by the question",
                """
- *Which is bigger?* Bars, from zero, sorted by length and not by name.
- *How did it change?* A line, time to the right.
- *Do these two go together?* Dots.
- *What is the whole made of?* One stacked bar. A pie only with two or three slices.
- *How is it spread?* Small dots or a histogram, never just an average.
- *Where?* A map, but only if the place explains something. A map of cities mostly shows where people live.

## The title

Not “Sales by month” but **“Sales doubled in the monsoon months”**. If you cannot write that title, you do not know yet
what the chart is for.
""",
            ),
        ),
        section(
            "Seven ways to mislead",
            video("The axis that was cut", "honest-charts"),
            video("Two axes, one trick", "growth-curves"),
        ),
        section(
            "Colour and care",
            video("One colour that matters", "honest-charts"),
            text(
                "Colours that most people can tell apart",
                """
About one man in twelve sees red and green alike. So:

1. Grey for everything, **one** strong colour for what you talk about.
2. Blue and orange are told apart by nearly everybody.
3. Differ in lightness, not only in hue: print it in black and white once and look.
4. Label lines at their end instead of in a legend.
""",
            ),
        ),
    ),
)

STATISTICS = CourseText(
    slug="statistics-for-decisions",
    title="Statistics for decisions",
    promise="Decide with small, messy data, and say how sure you are in words that others understand.",
    description="""
Not a course about tests and tables, but about decisions: whether to change the price, stop the machine, believe the
survey. Simulation instead of formulas wherever possible.

*In preparation: the exercises are being tried out with a class.*
""",
    outcomes=("Simulate a question instead of looking up a test", "Tell noise from news", "Say how sure you are"),
    category=CATEGORY,
    instructor=KAVYA,
    level="intermediate",
    price_rupees=2299,
    days_ago=12,
    status="draft",
    sections=(
        section(
            "Noise", video("Shuffle it and see", "tables", preview=True), video("How many is enough?", "growth-curves")
        ),
        section(
            "News",
            video("An interval, in words", "honest-charts"),
            text(
                "Words for numbers",
                "Write “about 6 in 10, give or take 1”, not “58.3 %”. "
                "The give-or-take is the part that people decide with.",
            ),
        ),
    ),
)

COURSES = (PANDAS, CHARTS, STATISTICS)
