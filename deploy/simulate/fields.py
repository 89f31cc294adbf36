"""Reading JSON objects of which every field must be known: a misspelt name is an error, not a default."""

import json
import math
from pathlib import Path
from typing import Any

REQUIRED = object()


class PolicyError(ValueError):
    """A file says what cannot be simulated; the message is a sentence for people."""


def read_json(path: Path) -> Any:
    """Raises PolicyError if the file cannot be read or is no JSON; NaN and a field given twice are none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError(f"{path.name} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise PolicyError(f"{path.name} is no text in UTF-8.") from error
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{path.name} is not JSON: {error}.") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{', '.join(twice)} is given twice")
    return content


class Fields:
    """The fields of one JSON object. Take what is known, then `finish`."""

    def __init__(self, content: Any, where: str) -> None:
        self.where = where
        if not isinstance(content, dict):
            raise PolicyError(f"{where}: an object is expected, not {content!r}.")
        self.left = dict(content)

    def take(
        self,
        name: str,
        kind: type,
        default: Any = REQUIRED,
        *,
        one_of: tuple[str, ...] = (),
        at_least: float = -math.inf,
    ) -> Any:
        """Raises PolicyError if the field is of another kind, is none of `one_of`, or is missing without a default."""
        value = self.left.pop(name, default)
        if value is REQUIRED:
            raise PolicyError(f"{self.where}: {name} is missing.")
        if value is default:
            return value
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise PolicyError(f"{self.where}: {name} is {value!r}, which is not {words(kind)}.")
        if isinstance(value, int | float) and not (at_least <= value < math.inf):
            raise PolicyError(f"{self.where}: {name} is {value}, which is not possible.")
        if one_of and value not in one_of:
            raise PolicyError(f"{self.where}: {name} is {value}, not one of {', '.join(one_of)}.")
        return value

    def finish(self) -> None:
        if self.left:
            raise PolicyError(f"{self.where}: the simulation does not know {', '.join(sorted(self.left))}.")


def words(kind: type) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names.get(kind, f"a JSON {'list' if kind is list else 'object'}")
