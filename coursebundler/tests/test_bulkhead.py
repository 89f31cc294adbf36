import threading
import time

import pytest

from coursebundler import bulkhead
from coursebundler.bulkhead import Bulkhead, Full


class Occupied:
    """So many threads that hold a place until the block ends."""

    def __init__(self, places: Bulkhead, count: int) -> None:
        self.places, self.is_over = places, threading.Event()
        self.inside = threading.Semaphore(0)
        self.threads = [threading.Thread(target=self._wait) for _ in range(count)]

    def _wait(self) -> None:
        with self.places.place():
            self.inside.release()
            self.is_over.wait(10)

    def __enter__(self) -> "Occupied":
        for thread in self.threads:
            thread.start()
        for _ in self.threads:
            assert self.inside.acquire(timeout=5)
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def test_while_calls_are_quick_one_waits_for_a_place():
    places = Bulkhead(1)
    with Occupied(places, 1) as others:
        threading.Timer(0.1, others.is_over.set).start()
        with places.place():
            pass


def test_nobody_waits_long(monkeypatch):
    monkeypatch.setattr(bulkhead, "PATIENCE_SECONDS", 0.05)
    places = Bulkhead(2)
    with Occupied(places, 2), pytest.raises(Full), places.place():
        pytest.fail("There were three in it.")


def test_while_calls_are_quick_everybody_gets_a_turn():
    places, done = Bulkhead(2), []

    def call() -> None:
        with places.place():
            time.sleep(0.01)
        done.append(True)

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 20


def test_once_a_call_is_slow_nobody_waits_at_all(monkeypatch):
    places = Bulkhead(1)
    with Occupied(places, 1):
        monkeypatch.setattr(bulkhead, "PATIENCE_SECONDS", 0.2)
        time.sleep(0.25)
        began = time.monotonic()
        with pytest.raises(Full), places.place():
            pytest.fail("There were two in it.")
        assert time.monotonic() - began < 0.15


def test_a_service_that_was_slow_is_slow_until_a_call_is_quick(monkeypatch):
    monkeypatch.setattr(bulkhead, "PATIENCE_SECONDS", 0.1)
    places = Bulkhead(1)
    with places.place():
        time.sleep(0.15)
    with Occupied(places, 1) as others:
        others_end = threading.Timer(0.05, others.is_over.set)
        others_end.start()
        with pytest.raises(Full), places.place():
            pytest.fail("Somebody waited for a service that was slow a moment ago.")
        others_end.join()
    with Occupied(places, 1) as others:
        threading.Timer(0.02, others.is_over.set).start()
        with places.place():
            pass


def test_a_place_is_given_back_after_a_failure():
    places = Bulkhead(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), places.place():
            raise RuntimeError
    with places.place():
        pass


def test_there_is_always_one_place():
    with Bulkhead(0).place():
        pass
