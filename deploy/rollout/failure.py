"""How a step fails: with what happened, and with what to do now."""


class Failed(Exception):
    """`advice` is a command, or a sentence."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


class Misused(Failed):
    """Called in a way that cannot be meant. Exit status 2."""
