"""Artificial Intelligence."""

from payments.demo.texts.shapes import CourseText, section, text, video

CATEGORY = "Artificial Intelligence"

NETWORKS = CourseText(
    slug="how-neural-networks-learn",
    title="How neural networks learn",
    promise="Build a small network from nothing but arithmetic, and know what each number in it is for.",
    description="""
No framework for the first two hours. You multiply, add, look at the mistake and walk it back, first on paper, then in
forty lines of Python. After that a framework is a convenience and not a mystery.

The mathematics is that of school: slopes and weighted sums. Everything is drawn before it is written as a formula.
""",
    outcomes=(
        "Explain weights, bias and activation with a picture",
        "Compute one step of gradient descent by hand",
        "Tell a network that learns from one that memorises",
        "Choose a learning rate by looking at the curve",
    ),
    category=CATEGORY,
    instructor="arjun.menon@example.org",
    level="intermediate",
    price_rupees=1999,
    days_ago=180,
    sections=(
        section(
            "One neuron",
            video("A weighted opinion", "neural-network", preview=True),
            video("Measuring the mistake", "neural-network"),
            text(
                "One step, by hand",
                """
A neuron guesses `y = w · x + b`. Say `w = 0.5`, `b = 0`, the input is `x = 2` and the right answer is `3`.

1. **Guess.** `0.5 · 2 + 0 = 1`.
2. **Mistake.** `1 − 3 = −2`; squared, the loss is `4`.
3. **Slope.** The loss changes with `w` by `2 · mistake · x = 2 · (−2) · 2 = −8`, and with `b` by `2 · (−2) = −4`.
4. **Step** against the slope, with a learning rate of 0.05: `w = 0.5 + 0.4 = 0.9`, `b = 0 + 0.2 = 0.2`.
5. **Guess again.** `0.9 · 2 + 0.2 = 2.0`. The loss fell from 4 to 1.

That is all of it. A large network does the same with more numbers, and the chain rule says how much of the mistake
belongs to each.

## Try it

Do the step once more with a learning rate of 0.3. Why does the guess jump over the goal?
""",
            ),
        ),
        section(
            "Many neurons",
            video("Layers, and why they bend", "neural-network"),
            video("Walking the mistake back", "graph-walk"),
            video("Forty lines of Python", "neural-network"),
        ),
        section(
            "Honest results",
            video(
                "Learning or memorising?",
                "honest-charts",
                "Keep a part of the data that the network never sees. When the two curves part, stop.",
            ),
            text(
                "Reading a loss curve",
                """
- **Falls, then flat:** it has learnt what it can. More data or a larger network, in this order.
- **Flat from the start:** the learning rate is too small, or the input is not scaled.
- **Jumps up and down:** the learning rate is too large. Divide it by three.
- **Training falls, validation rises:** it memorises. Stop earlier, or give it less room.
- **Falls to exactly zero:** be suspicious. Often the answer has slipped into the input.
""",
            ),
        ),
    ),
)

LANGUAGE = CourseText(
    slug="language-models-at-work",
    title="Language models at work",
    promise="Use a language model for real tasks, and measure whether it does them well enough.",
    description="""
Between “it can do everything” and “it cannot be trusted” lies ordinary engineering. You will describe a task so that
it can be checked, build a set of examples, try, measure and decide.

No particular product is needed; everything works with a hosted model and with one on your own machine.

**You should know** how to call an HTTP API from Python.
""",
    outcomes=(
        "Describe a task with examples instead of adjectives",
        "Get structured answers and refuse the ones that do not fit",
        "Give the model tools, with limits",
        "Build a test set of fifty cases and trust the number it gives",
        "Keep personal data out of requests and logs",
    ),
    category=CATEGORY,
    instructor="lakshmi.iyer@example.org",
    level="intermediate",
    price_rupees=2999,
    days_ago=45,
    sections=(
        section(
            "What it does",
            video("One word after another", "next-token", preview=True),
            video("Why it sounds sure", "next-token"),
        ),
        section(
            "A task, well described",
            video("Examples beat adjectives", "next-token"),
            text(
                "A task sheet",
                """
Write these down *before* the first attempt. They fit on one page.

- **Input.** What exactly goes in? Show three real ones: an ordinary one, a long one and a nasty one.
- **Output.** What must come out, field by field? What may be empty?
- **Refusal.** When should the answer be “I cannot tell”?
- **Good enough.** How many of fifty cases must be right? What does one mistake cost?
- **Who looks.** Which answers does a person see before something happens?

If you cannot fill in “good enough”, the task is not ready, with a model or without.
""",
            ),
            video("Answers with a shape", "tables"),
        ),
        section(
            "Tools and limits",
            video("Letting it look things up", "request-cycle"),
            video("What it may never do alone", "graph-walk"),
        ),
        section(
            "Does it work?",
            video("Fifty cases", "honest-charts"),
            text(
                "Counting mistakes that matter",
                """
Fifty cases and 46 right is 92 %. Be careful with that number:

- With fifty cases the true rate lies anywhere between about 81 % and 97 %. For a finer answer take more cases.
- Count kinds of mistakes apart. Four wrong spellings and four wrong amounts are not the same news.
- Change one thing at a time, and run the *same* cases again.
- Put each mistake that a user reports into the set. It will not come back unseen.
""",
            ),
        ),
    ),
)

COURSES = (NETWORKS, LANGUAGE)
