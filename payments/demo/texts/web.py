"""Web Development."""

from payments.demo.texts.shapes import CourseText, download, section, text, video

MEERA = "instructor@example.org"
CATEGORY = "Web Development"

HTML_CSS = CourseText(
    slug="html-and-css-that-last",
    title="HTML and CSS that last",
    promise="Build a page by hand that reads well on every screen and still works in ten years.",
    description="""
Frameworks come and go; the page underneath stays. In this short course you build one complete page, first its
meaning, then its shape, then the way it bends to fit a phone.

You need a text editor and a browser. There is nothing to install, and the finished page can be put on any web space.

**Who it is for:** people who have copied snippets until now and want to know why they work.
""",
    outcomes=(
        "Choose the element that says what a piece of text is",
        "Lay out a page with grid, without a framework",
        "Make one style sheet serve a phone and a wide screen",
        "Check a page with the keyboard alone",
    ),
    category=CATEGORY,
    instructor=MEERA,
    level="beginner",
    price_rupees=0,
    days_ago=340,
    sections=(
        section(
            "Meaning first",
            video("What a page is made of", "page-layout", preview=True),
            video("Headings, lists and landmarks", "request-cycle"),
            text(
                "Which element is it?",
                """
Ask what a piece of the page *is*, never what it should look like.

- The page's own subject: one `<h1>`, then `<h2>` for its parts. Never skip a level to get a smaller font.
- Something that goes somewhere: `<a href>`. Something that *does* something: `<button>`.
- Several things of a kind: `<ul>`. Steps in an order: `<ol>`. Names with values: `<dl>`.
- The way around the site: `<nav>`. What this page is about: `<main>`, once.

## Try it

Switch the style sheet off (most browsers: *View → Page style → None*). If the page still reads from top to bottom
like a letter, the elements are right. If two things run together, one of them is a `<div>` that should be more.

```html
<article>
  <h2>Monsoon timetable</h2>
  <p>Ferries leave <time datetime="06:30">at half past six</time>, weather permitting.</p>
  <a href="/ferries">All ferries</a>
</article>
```
""",
            ),
        ),
        section(
            "Shape",
            video("The box, and why widths add up", "page-layout"),
            video(
                "Grid in four lines",
                "page-layout",
                "The four lines: `display`, `grid-template-columns`, `gap`, and a name for each area.",
            ),
            download(
                "Starter page",
                "starter-page.zip",
                "A page with all its text and no shape. Unpack it, open `index.html`, "
                "and write `style.css` along with the next lecture.",
            ),
        ),
        section(
            "Every screen",
            video("Narrow first, then wide", "page-layout"),
            text(
                "Ten checks before you publish",
                """
1. Press the Tab key through the page. You can always see where you are.
2. Zoom to 200 %. Nothing is cut off.
3. Make the window as narrow as a phone (320 pixels). Nothing scrolls sideways.
4. Every picture has an `alt`: what it says, or empty if it only decorates.
5. Every field has a `<label>`.
6. Text on its background has a contrast of at least 4.5 to 1.
7. The `<title>` says page first, site second.
8. `<html lang="…">` is right.
9. Pictures have `width` and `height`, so the page does not jump.
10. The page is worth reading without its pictures.
""",
            ),
        ),
    ),
)

DJANGO = CourseText(
    slug="django-for-real-projects",
    title="Django for real projects",
    promise="Take a Django site from an empty folder to something you dare to put your name on.",
    description="""
Tutorials stop when the page shows up. This course begins there: constraints in the database, forms that say what is
wrong, tests that fail for the right reason, and a deployment that you can take back.

We build one small booking site from end to end. Each lecture ends with a commit, so you can always compare.

**You should know** Python functions and classes, and have followed Django's own tutorial once.
""",
    outcomes=(
        "Follow a request from its address to the answer, file by file",
        "Put each rule where it cannot be forgotten: database, form or view",
        "Write tests that go through URLs and survive a refactoring",
        "Count queries, and keep the count from growing",
        "Deploy with settings that come from the environment",
    ),
    category=CATEGORY,
    instructor=MEERA,
    level="intermediate",
    price_rupees=2499,
    days_ago=210,
    sections=(
        section(
            "One request, all the way",
            video("From address to answer", "request-cycle", preview=True),
            video("Function views of one shape", "request-cycle"),
            text(
                "The shape of a view",
                """
Nearly every view is the same four steps: **fetch with the right to it, form, change, answer.**

```python
@login_required
def booking_change(request, pk):
    booking = get_object_or_404(Booking, pk=pk, user=request.user)
    form = BookingForm(request.POST or None, instance=booking)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect(booking)
    return render(request, "bookings/booking_change.html", {"form": form})
```

The owner is *in the query*. There is no `if booking.user != request.user` to forget, and someone else's booking
answers 404: it does not even say that it exists.

## Where does a rule go?

- Always true → a constraint in the database. There are more ways to a row than your form.
- About what someone typed → the form, in words they understand.
- About one row's life → a method on the model.
- About this page → the view.
""",
            ),
        ),
        section(
            "Data you can trust",
            video("Constraints before code", "tables"),
            video("Migrations without a night shift", "tables"),
            video(
                "Counting queries",
                "growth-curves",
                "Set the number of queries in a test, with 10 rows and with 1,000. If the two differ, there is a loop.",
            ),
        ),
        section(
            "Out into the world",
            video("Settings from the environment", "request-cycle"),
            video("Tests through the front door", "request-cycle"),
            text(
                "A checklist for the first deployment",
                """
- `DEBUG` is off, and the start *stops* without a secret key.
- `python manage.py check --deploy` has nothing to say.
- There is a page that only answers “I am alive”, and the balancer asks it.
- Static files carry a hash in their name and may be cached for a year.
- The database is restored from a backup once, for practice, before anybody needs it.
- You know the one command that takes the last release back.
""",
            ),
        ),
    ),
)

TYPESCRIPT = CourseText(
    slug="typescript-by-small-steps",
    title="TypeScript by small steps",
    promise="Move a JavaScript project to TypeScript one file at a time, without stopping work.",
    description="""
A rewrite is not needed. This course turns on the checker, keeps everything running and tightens one rule a week.

*Still being recorded: the third section is missing.*
""",
    outcomes=(
        "Check JavaScript with types in comments",
        "Type the edges first: requests, forms, storage",
        "Know when `unknown` is the honest answer",
    ),
    category=CATEGORY,
    instructor=MEERA,
    level="intermediate",
    price_rupees=1299,
    days_ago=6,
    status="draft",
    sections=(
        section(
            "Begin where you are",
            video("Types in comments", "request-cycle", preview=True),
            text(
                "The first `tsconfig.json`",
                "Begin with `allowJs`, `checkJs: false` and `strict: true`. "
                "Then add `// @ts-check` to one file and read what it says. Fix only that file.",
            ),
        ),
        section("The edges", video("What came over the wire?", "request-cycle"), video("Narrowing", "graph-walk")),
    ),
)

JQUERY = CourseText(
    slug="keeping-older-sites-alive",
    title="Keeping older sites alive",
    promise="Look after a jQuery-era site: make it safe, make it smaller, and leave it working.",
    description="""
Somebody has to keep the site of 2012 running. This course shows how to add tests from the outside, remove one plug-in
at a time and stop when it is good enough.

*No longer sold. Who bought it keeps it.*
""",
    outcomes=(
        "Put tests around a page that nobody understands",
        "Replace plug-ins by what browsers can do now",
        "Know when to stop",
    ),
    category=CATEGORY,
    instructor=MEERA,
    level="intermediate",
    price_rupees=699,
    days_ago=520,
    status="archived",
    sections=(
        section(
            "Look before you touch",
            video("Draw the map", "graph-walk", preview=True),
            video("Tests from outside", "request-cycle"),
        ),
        section(
            "Smaller",
            video("One plug-in a day", "page-layout"),
            text(
                "What browsers can do now",
                """
- `document.querySelector` and `closest` for finding
- `fetch` for asking
- `<dialog>` for asking back
- `<details>` for folding
- CSS transitions for moving
- `Intl` for dates and numbers
""",
            ),
        ),
    ),
)

COURSES = (HTML_CSS, DJANGO, TYPESCRIPT, JQUERY)
