"""manage.py work: what is due is settled soon, by one worker only, whatever else goes wrong, until SIGTERM."""

import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from coursebundler import heartbeat, metrics
from coursebundler.db import run_in_transaction
from courses.models import Grant
from payments import worker as worker_module
from payments.confirmation import mark_paid
from payments.models import Order, WebhookEvent
from payments.razorpay import fetch_payment
from payments.views import webhook as webhook_view
from payments.worker import LONGEST_PAUSE_SECONDS, PAUSE_SECONDS, Worker, pause_seconds
from scripts.lint import PRODUCTION
from tests.emf import metrics_in
from tests.servers import clean_environment, manage
from tests.source import ROOT

pytestmark = pytest.mark.detail


@pytest.fixture(autouse=True)
def heartbeat_file(monkeypatch, tmp_path):
    monkeypatch.setattr(heartbeat, "FILE", tmp_path / "alive")
    return heartbeat.FILE


@pytest.fixture
def told(settings, capfd):
    """Every metric that was written since the last call, {name: value}; the last one counts."""
    settings.METRICS, settings.SERVICE_ROLE = True, "worker"
    metrics.requests.flush()
    capfd.readouterr()

    def read() -> dict:
        lines = metrics_in("\n".join(line for line in capfd.readouterr().out.splitlines() if line.startswith("{")))
        return {name: value for line in lines for name, value in line.items() if name in metrics.UNITS}

    return read


@pytest.fixture
def make_due(db):
    def make(order: Order, **ago: float) -> Order:
        due_at = timezone.now() - timedelta(**ago or {"minutes": 1})
        Order.objects.filter(pk=order.pk).update(check_at=due_at, created_at=due_at - timedelta(minutes=11))
        return order

    return make


@pytest.fixture
def orders(open_order, make_course, alice, make_due) -> list[Order]:
    """Three that are due; the first longest."""
    made = [open_order(alice, make_course(f"Course {n}")) for n in range(3)]
    return [make_due(order, minutes=10 - n) for n, order in enumerate(made)]


@pytest.mark.django_db(transaction=True)
def test_it_settles_what_is_due(sandbox, order, make_due, told):
    sandbox.pay(order)
    make_due(order)
    Worker().work()
    order.refresh_from_db()
    assert order.is_paid
    assert (Grant.objects.count(), len(mail.outbox)) == (1, 1)
    assert told()["ReconcilerHeals"] == 1


def test_it_measures_the_queue(orders, told):
    Worker().work()
    measured = told()
    assert measured["QueueDepth"] == 3
    assert 599 < measured["QueueAge"] < 660
    Worker().work()
    assert told() == {"QueueAge": 0, "QueueDepth": 0}, "and asks nobody if nothing is due"


def test_it_leaves_alone_what_is_not_due(order, told):
    Worker().work()
    assert told() == {"QueueAge": 0, "QueueDepth": 0}


def test_a_full_queue_leaves_no_pause(orders, monkeypatch):
    monkeypatch.setattr(worker_module, "BATCH", 2)
    worker = Worker()
    assert worker.work() == 0
    assert worker.work() > 0
    assert not Order.objects.filter(check_at__lte=timezone.now()).exists()


def test_it_pauses_a_little_and_longer_after_each_failure():
    pauses = [pause_seconds(failures) for failures in range(8)]
    assert PAUSE_SECONDS * 0.8 <= pauses[0] <= PAUSE_SECONDS
    assert pauses[0] < pauses[1] < pauses[2]
    assert all(pause <= LONGEST_PAUSE_SECONDS for pause in pauses)
    assert pauses[-1] >= LONGEST_PAUSE_SECONDS * 0.8
    assert len({pause_seconds(0) for _ in range(5)}) > 1, "two workers do not stay in step"


@pytest.mark.django_db(transaction=True)
def test_it_goes_on_while_the_gateway_is_away(sandbox, orders, make_due, told, caplog):
    for order in orders:
        sandbox.pay(order)
    sandbox.switch(api_failure="html502")
    worker = Worker()
    assert worker.work() > PAUSE_SECONDS
    assert told()["ReconcilerFailures"] == 3
    sandbox.switch()
    for order in orders:
        make_due(order)
    assert worker.work() <= PAUSE_SECONDS
    assert Order.objects.paid().count() == 3


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_it_goes_on_while_the_database_is_away(caplog, tmp_path, heartbeat_file):
    """One line that says so, no traceback, and a heartbeat: a failing database must not restart the worker."""
    worker, name = Worker(), connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(tmp_path / "nowhere" / "db.sqlite3")
    try:
        assert worker.may_go_on()
        pauses = [worker.work() for _ in range(3)]
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
    assert pauses[0] < pauses[1] < pauses[2]
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 3
    assert "cannot ask the database" in caplog.text
    assert "Traceback" not in caplog.text
    assert heartbeat.is_beating()
    assert worker.work() <= PAUSE_SECONDS


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_mistake_of_ours_is_logged_with_its_cause(caplog):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payments_order RENAME TO away")
    try:
        assert Worker().work() > PAUSE_SECONDS
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO payments_order")
    assert "Traceback" in caplog.text


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_several_at_once_share_the_work(sandbox, orders):
    for order in orders:
        sandbox.pay(order)

    def work(number: int) -> None:
        try:
            Worker().work()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    assert Order.objects.paid().count() == 3
    assert (Grant.objects.count(), len(mail.outbox)) == (3, 3)


def test_it_stops_after_the_row_in_hand(sandbox, orders):
    """Told to stop while it looks at the second of three, it finishes that one and leaves the third."""
    worker, asked = Worker(), []

    def may_go_on() -> bool:
        asked.append(1)
        if len(asked) == 4:  # before the job, and before each of two rows
            worker._stop(signal.SIGTERM, None)
        return Worker.may_go_on(worker)

    worker.may_go_on = may_go_on
    worker.work()
    assert Order.objects.filter(check_at__lte=timezone.now()).count() == 1
    began = time.monotonic()
    worker.run()
    assert time.monotonic() - began < 1
    assert Order.objects.filter(check_at__lte=timezone.now()).count() == 1


def test_it_shows_that_it_is_alive_before_each_row(orders, heartbeat_file):
    worker, beats = Worker(), []
    beat = worker.may_go_on

    def may_go_on() -> bool:
        heartbeat_file.unlink(missing_ok=True)
        beats.append(beat() and heartbeat_file.exists())
        return True

    worker.may_go_on = may_go_on
    worker.work()
    assert beats == [True] * 4


def test_it_can_do_everything_now_and_then(sandbox, db, told, caplog):
    """Where no schedule runs reconcile_payments; the watch over webhooks is part of that."""
    WebhookEvent.objects.create(event_id="evt_1", kind="order.paid")
    worker = Worker(everything_seconds=3600)
    with caplog.at_level(logging.INFO):
        worker.work()
        assert told()["WebhookSilence"] == 0
        worker.work()
        assert "WebhookSilence" not in told()
    assert len([record for record in caplog.records if record.getMessage() == "reconciled"]) == 8


def test_a_place_that_cannot_be_written_to_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(heartbeat, "FILE", tmp_path / "nowhere" / "alive")
    with pytest.raises(CommandError, match=r"HEARTBEAT_FILE=.* cannot be written: No such file"):
        call_command("work")
    with pytest.raises(CommandError, match="must not be negative"):
        call_command("work", everything_every=-1)


# --- What happens is counted ---
@pytest.mark.django_db(transaction=True)
def test_an_order_that_is_paid_is_counted_once(sandbox, order, told, webhook):
    payment_id = sandbox.pay(order)["razorpay_payment_id"]
    webhook("payment.captured", payment_id)
    measured = told()
    assert (measured["OrdersPaid"], measured["OrdersPaidPaise"]) == (1, 49900)
    webhook("payment.captured", payment_id, event_id="evt_2")
    assert "OrdersPaid" not in told()


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_counted(sandbox, order, told):
    """As when a subscription's charge, whose order is made and paid in one transaction, has to start over."""
    payment = fetch_payment(sandbox.pay(order)["razorpay_payment_id"])

    def fail_in_the_end() -> None:
        assert mark_paid(order, payment)
        raise RuntimeError("after all")

    with pytest.raises(RuntimeError):
        run_in_transaction(fail_in_the_end)
    assert "OrdersPaid" not in told()
    assert not Order.objects.paid().exists()
    run_in_transaction(lambda: mark_paid(order, payment))
    assert told()["OrdersPaid"] == 1


def test_the_age_of_a_webhook_is_measured(sandbox, order, told, webhook):
    webhook("payment.captured", sandbox.pay(order)["razorpay_payment_id"])
    assert told()["WebhookAge"] > 30_000_000, "the fixture's events are of 2023"
    webhook("payment.captured", "pay_unknown", signature="wrong", event_id="evt_2")
    assert told() == {}


def test_the_same_event_is_measured_once_however_often_it_comes(sandbox, order, told, webhook, monkeypatch):
    """Also if two deliveries of it are handled at once: only one of them is remembered."""
    payment_id = sandbox.pay(order)["razorpay_payment_id"]
    webhook("payment.captured", payment_id)
    assert "WebhookAge" in told()
    webhook("payment.captured", payment_id)
    assert told() == {}
    monkeypatch.setattr(webhook_view, "_was_seen", lambda event_id: False)
    webhook("payment.captured", payment_id)
    assert told() == {}


# --- As a process ---
@pytest.mark.slow
@pytest.mark.sqlite
def test_a_process_works_and_ends_at_sigterm(tmp_path):
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}", "HEARTBEAT_FILE": str(tmp_path / "alive")}
    environment = clean_environment(**PRODUCTION | settings | {"SERVICE_ROLE": "worker"})
    command = [sys.executable, "-m", "coursebundler.start"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)  # noqa: S603  our own
    try:
        wait_for(lambda: b"cannot ask" in (tmp_path / "log").read_bytes() or b"ended early" in read(tmp_path))
        manage("migrate", environment=environment)
        wait_for(lambda: b'"QueueDepth": 0' in read(tmp_path))
        assert time.time() - os.stat(tmp_path / "alive").st_mtime < 60  # noqa: PTH116
        began = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0
        assert time.monotonic() - began < 3
    finally:
        process.kill()
        process.wait()
    assert {line["Service"] for line in metrics_in((tmp_path / "log").read_text())} == {"worker"}


def read(folder) -> bytes:
    return (folder / "log").read_bytes()


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
