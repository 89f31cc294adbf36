"""Pipelines of one shape are rewritten and guarded once: they differ in their values, and the rules look at none.

`fingerprint` takes a pipeline apart into its shape, which can be a dictionary key, and its values; `with_holes` gives
the same pipeline with a Hole for each value, which is what the rules work on; `fill` puts values back.
Both walks must meet the values in the same order; the tests hold them to it.
"""

from typing import Any

# A text under one of these keys says what to do rather than what to look for. Elsewhere a text is a value unless it
# begins with "$". (A field of one of these names only makes more shapes, never a wrong answer.)
SPEAKING_KEYS = {
    *("from", "localField", "foreignField", "as", "unit", "timezone", "format", "to", "path", "field", "startOfWeek"),
    *("$unwind", "$unset", "$count", "$type", "$options"),
}
OPEN, CLOSE, LIST, VALUE, TRUE, FALSE = (object() for _ in range(6))


class Hole:
    """The place of the value with this number."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"<{self.number}>"


def fingerprint(pipeline: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """(shape, values). Two pipelines of one shape differ at most in their values."""
    shape: list[Any] = []
    values: list[Any] = []
    _take_apart(pipeline, None, shape, values)
    return tuple(shape), values


def _take_apart(node: Any, key: str | None, shape: list[Any], values: list[Any]) -> None:
    # Runs for each query: one function, no calls but itself, the commonest kinds first.
    kind = type(node)
    if kind is str:
        if node[:1] == "$" or key in SPEAKING_KEYS:
            shape.append(node)
        else:
            shape.append(VALUE)
            values.append(node)
    elif isinstance(node, dict):
        shape.append(OPEN)
        for name, value in node.items():
            shape.append(name)
            if name == "$literal" or ((name == "$in" or name == "$nin") and _is_data(value)):
                shape.append(VALUE)
                values.append(value)
            else:
                _take_apart(value, name, shape, values)
        shape.append(CLOSE)
    elif kind is list or kind is tuple:
        shape.append(LIST)
        for item in node:
            _take_apart(item, None, shape, values)
        shape.append(CLOSE)
    elif node is None:
        shape.append(None)
    elif kind is bool:
        # Not the value itself: True equals 1, and {"a": True} is another pipeline than {"a": 1}.
        shape.append(TRUE if node else FALSE)
    elif kind is int and -1 <= node <= 1:
        shape.append(node)
    else:
        shape.append(VALUE)
        values.append(node)


def _is_data(items: Any) -> bool:
    """Whether the argument of $in is a list of values, and not of expressions."""
    if not isinstance(items, list | tuple):
        return False
    return not any(isinstance(item, dict | list | tuple) or (type(item) is str and item[:1] == "$") for item in items)


def with_holes(pipeline: Any) -> tuple[Any, int]:
    """(the pipeline with holes for its values, how many)."""
    counter = [0]
    return _hollow(pipeline, None, counter), counter[0]


def _hollow(node: Any, key: str | None, counter: list[int]) -> Any:
    if isinstance(node, dict):
        # A plain dict: rules need no SON and no defaultdict.
        return {
            name: _next_hole(counter)
            if name == "$literal" or (name in ("$in", "$nin") and _is_data(value))
            else _hollow(value, name, counter)
            for name, value in node.items()
        }
    if type(node) in (list, tuple):
        return [_hollow(item, None, counter) for item in node]
    if type(node) is str:
        return node if node[:1] == "$" or key in SPEAKING_KEYS else _next_hole(counter)
    if node is None or type(node) is bool or (type(node) is int and -1 <= node <= 1):
        return node
    return _next_hole(counter)


def _next_hole(counter: list[int]) -> Hole:
    counter[0] += 1
    return Hole(counter[0] - 1)


def has_holes(template: Any) -> bool:
    if isinstance(template, dict):
        return any(has_holes(value) for value in template.values())
    if isinstance(template, list):
        return any(has_holes(item) for item in template)
    return isinstance(template, Hole)


def fill(template: Any, values: list[Any]) -> Any:
    """A copy of the template with values for its holes."""
    if isinstance(template, dict):
        return {name: fill(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    if isinstance(template, Hole):
        return values[template.number]
    return template
