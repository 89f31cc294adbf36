"""App Development."""

from payments.demo.texts.shapes import CourseText, section, text, video

CATEGORY = "App Development"
FARAH = "farah.qureshi@example.org"

ANDROID = CourseText(
    slug="your-first-android-app",
    title="Your first Android app",
    promise="Make, run and share a small Android app in Kotlin, on your own phone, this week.",
    description="""
A habit counter: tap once a day, see your week. It is small enough to finish and real enough to use. On the way you
meet everything that an app has: screens, state, storage, and a way to get it to other people.

**You need** a computer with 8 GB of memory. An Android phone is nice to have; the emulator will do.
""",
    outcomes=(
        "Describe a screen with Compose",
        "Keep state where it survives a turn of the phone",
        "Store data on the device",
        "Give the app to a friend",
    ),
    category=CATEGORY,
    instructor=FARAH,
    level="beginner",
    price_rupees=1799,
    days_ago=150,
    sections=(
        section(
            "On your phone in an hour",
            video("What an app is", "phone-screen", preview=True),
            video("Hello, on glass", "phone-screen"),
            text(
                "When the build fails",
                """
It will, and nearly always for one of these reasons:

- **“SDK location not found”**: open the project once with Android Studio; it writes `local.properties`.
- **“Unsupported class file major version”**: the JDK is too new for the Gradle version. *Settings → Build tools →
  Gradle → Gradle JDK*, and take the one that comes with Android Studio.
- **The phone is not in the list**: *Developer options → USB debugging*, then look at the phone: it asks for
  permission.
- **Nothing helps**: *Build → Clean project*, then close and open. If that helped, it was a cache, not you.

Read the *first* red line, not the last. The others usually follow from it.
""",
            ),
        ),
        section(
            "Screens and state",
            video("A screen is a function", "phone-screen"),
            video("State moves down, events move up", "request-cycle"),
            video("Turning the phone", "phone-screen"),
        ),
        section(
            "Keep and share",
            video("Remembering the count", "tables"),
            video("Giving it to a friend", "sync-queue"),
        ),
    ),
)

OFFLINE = CourseText(
    slug="apps-that-work-offline",
    title="Apps that work offline",
    promise="Design a mobile app that is useful in a lift, on a train and in a village with one bar.",
    description="""
For most of your users the network is a rumour. This course treats it so: the device holds the truth that its owner
sees, changes wait in a queue, and the server sorts out what happened in which order.

We take a delivery app apart and put it together again, with a switch for the network in every demonstration.

**You should know** how to build a simple app on any platform, and what a REST call is.
""",
    outcomes=(
        "Store first, send later",
        "Make every request safe to repeat",
        "Choose between last-write-wins, merging and asking",
        "Show honestly what is saved and what is on its way",
        "Test with a network that lies",
    ),
    category=CATEGORY,
    instructor=FARAH,
    level="advanced",
    price_rupees=4999,
    days_ago=30,
    sections=(
        section(
            "The network is a rumour",
            video("Store first, send later", "sync-queue", preview=True),
            video("Four kinds of “offline”", "sync-queue"),
        ),
        section(
            "The queue",
            video("A queue that survives", "sync-queue"),
            video("Safe to repeat", "request-cycle"),
            text(
                "Keys that make a request repeatable",
                """
The answer got lost. Did the server do it or not? The app cannot know, so it must be able to **ask again**.

1. The device makes a random key *when the person acts*, not when it sends. It is stored with the change.
2. Each attempt carries the same key.
3. The server keeps the key in a column with a unique constraint, in the same transaction as the change.
4. If the key is there already, it returns the answer of the first time.

```http
POST /deliveries HTTP/1.1
Idempotency-Key: 0b9f3c1e-5f0a-4a2e-9b0e-2a5d6c1f7e11
```

What goes wrong most often: the key is made anew at each attempt; it is checked *before* the transaction, so that two
attempts at once both pass; or it is kept for an hour while phones stay in drawers for a week.
""",
            ),
        ),
        section(
            "When two were right",
            video("Conflicts are not errors", "graph-walk"),
            video("Merging sets and counters", "tables"),
            text(
                "Which rule for which data?",
                """
- **Last write wins** for settings that one person changes: theme, language, a note's title.
- **Merge** for collections: tags, lists, likes. Keep what was added and what was removed as separate facts.
- **Add up** for counters: send “+1”, never “7”.
- **Ask** where money or a promise is involved. Show both versions, with times and names.
- **Refuse** where only one can be right: the last seat. Tell the loser at once, and offer the next best.
""",
            ),
        ),
        section(
            "Honest screens",
            video("Saved, sending, sent", "phone-screen"),
            video("Testing with a network that lies", "sync-queue"),
        ),
    ),
)

COURSES = (ANDROID, OFFLINE)
