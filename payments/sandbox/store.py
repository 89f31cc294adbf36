"""What the sandbox remembers. One SQLite file, written before anything is answered, so a restart forgets nothing."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Entity = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS entities (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, order_id TEXT, capture_at REAL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS entities_by_order ON entities (order_id);
CREATE TABLE IF NOT EXISTS deliveries (
    number INTEGER PRIMARY KEY, event_id TEXT NOT NULL, body TEXT NOT NULL, due_at REAL, attempts INTEGER DEFAULT 0
);
CREATE TABLE IF NOT EXISTS switches (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Store:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + SCHEMA)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One change at a time: all of the block is stored, or nothing. May be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    # --- Orders and payments ---
    def save(self, entity: Entity, *, capture_at: float | None = None) -> None:
        """Insert it, or change it where it stands. `capture_at` is when a pending payment will succeed by itself."""
        self._rows(
            "INSERT INTO entities (id, kind, order_id, capture_at, body) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET capture_at = excluded.capture_at, body = excluded.body",
            entity["id"],
            entity["entity"],
            entity.get("order_id"),
            capture_at,
            json.dumps(entity),
        )

    def find(self, kind: str, entity_id: str) -> Entity | None:
        rows = self._rows("SELECT body FROM entities WHERE kind = ? AND id = ?", kind, entity_id)
        return json.loads(rows[0][0]) if rows else None

    def forget(self, entity_id: str) -> None:
        self._rows("DELETE FROM entities WHERE id = ?", entity_id)

    def listed(self, kind: str, begins: int, ends: int, count: int, skip: int) -> list[Entity]:
        """What was made between two Unix times, both included, newest first (“Pagination”)."""
        sql = (
            "SELECT body FROM entities WHERE kind = ? AND json_extract(body, '$.created_at') BETWEEN ? AND ?"
            " ORDER BY json_extract(body, '$.created_at') DESC, rowid DESC LIMIT ? OFFSET ?"
        )
        return [json.loads(body) for (body,) in self._rows(sql, kind, begins, ends, count, skip)]

    def payments_of(self, order_id: str) -> list[Entity]:
        """Newest first, as Razorpay lists them."""
        sql = "SELECT body FROM entities WHERE kind = 'payment' AND order_id = ? ORDER BY rowid DESC"
        return [json.loads(body) for (body,) in self._rows(sql, order_id)]

    def having(self, kind: str, name: str, value: Any) -> list[Entity]:
        """The entities with this value in this field, newest first."""
        sql = "SELECT body FROM entities WHERE kind = ? AND json_extract(body, '$.' || ?) = ? ORDER BY rowid DESC"
        return [json.loads(body) for (body,) in self._rows(sql, kind, name, value)]

    def subscriptions_to_charge(self, now: float) -> list[Entity]:
        sql = (
            "SELECT body FROM entities WHERE kind = 'subscription' AND json_extract(body, '$.charge_at') <= ?"
            " AND json_extract(body, '$.status') IN ('active', 'pending', 'halted') ORDER BY rowid"
        )
        return [json.loads(body) for (body,) in self._rows(sql, now)]

    def payments_to_capture(self, now: float) -> list[Entity]:
        sql = "SELECT body FROM entities WHERE kind = 'payment' AND capture_at <= ?"
        return [json.loads(body) for (body,) in self._rows(sql, now)]

    def refunds_to_settle(self, now: float) -> list[Entity]:
        sql = "SELECT body FROM entities WHERE kind = 'refund' AND capture_at <= ? ORDER BY rowid"
        return [json.loads(body) for (body,) in self._rows(sql, now)]

    # --- Webhooks ---
    def queue(self, event_id: str, body: str, due_at: float | None) -> None:
        """Remember an event that is to be sent; without a time it is lost on the way."""
        self._rows("INSERT INTO deliveries (event_id, body, due_at) VALUES (?, ?, ?)", event_id, body, due_at)

    def due_deliveries(self, now: float) -> list[tuple[int, str, str, int]]:
        """(number, event id, body, attempts so far) of what is to be sent now."""
        sql = "SELECT number, event_id, body, attempts FROM deliveries WHERE due_at <= ? ORDER BY due_at, number"
        return [(int(n), str(event_id), str(body), int(tried)) for n, event_id, body, tried in self._rows(sql, now)]

    def delivery_tried(self, number: int, *, retry_in: float | None) -> None:
        due_at = time.time() + retry_in if retry_in is not None else None
        self._rows("UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE number = ?", due_at, number)

    def lose_deliveries(self) -> int:
        return len(self._rows("UPDATE deliveries SET due_at = NULL WHERE due_at IS NOT NULL RETURNING number"))

    def deliveries(self) -> list[dict[str, Any]]:
        rows = self._rows("SELECT event_id, body, due_at, attempts FROM deliveries ORDER BY number")
        return [
            {"event_id": event_id, "event": json.loads(body)["event"], "is_waiting": due_at is not None, "attempts": n}
            for event_id, body, due_at, n in rows
        ]

    # --- Switches ---
    def switches(self) -> dict[str, Any]:
        return {name: json.loads(value) for name, value in self._rows("SELECT name, value FROM switches")}

    def set_switches(self, values: dict[str, Any]) -> None:
        """Replace all of them."""
        with self.changing():
            self._rows("DELETE FROM switches")
            for name, value in values.items():
                self._rows("INSERT INTO switches (name, value) VALUES (?, ?)", name, json.dumps(value))
