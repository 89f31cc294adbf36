"""Students and staff with browsers. They follow forms, try again when they get an error, and give up after a while."""

import random
import re
import threading
import time
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.chaos.school import COUPONS, COURSES, SIZES
from tests.chaos.world import World
from tests.servers import Answer, fetch

CSRF = "a" * 32
TRIES = 6
HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)"')
ORDER = re.compile(r'href="/orders/([0-9a-f-]{36})"')
ENDINGS = {"return": 40, "close": 15, "fail": 8, "fail first": 8, "later": 12, "abandon": 7, "twice": 5, "clicks": 6}


def hidden(page: str) -> list[tuple[str, str]]:
    return [(unescape(name), unescape(value)) for name, value in HIDDEN.findall(page)]


class Browser:
    def __init__(self, world: World, session: str, name: str) -> None:
        self.world, self.chance = world, random.Random(f"{world.seed} {name}")
        self.headers = {
            "Cookie": f"sessionid={session}; csrftoken={CSRF}",
            "X-CSRFToken": CSRF,
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def ask(self, path: str, fields: Any = None) -> Answer | None:
        """One request to the site; None if it was cut off."""
        body = None if fields is None else urlencode(fields, doseq=True).encode()
        try:
            answer = fetch(f"{self.world.url}{path}", "GET" if body is None else "POST", body, self.headers)
        except OSError:
            self.world.seen["requests cut off"] += 1
            return None
        except Exception as error:  # a worker that dies half-way through its answer
            self.world.seen[f"requests cut off ({type(error).__name__})"] += 1
            return None
        self.world.seen["requests"] += 1
        if answer.status >= 500:
            self.world.seen[f"answers {answer.status}"] += 1
        return answer

    def insist(self, path: str, fields: Any = None) -> Answer | None:
        """Again, some times, until it is no failure; None for who gave up."""
        for _ in range(TRIES):
            answer = self.ask(path, fields)
            if answer is not None and answer.status < 500:
                return answer
            time.sleep(self.chance.uniform(0.1, 0.6))
        self.world.seen["gave up"] += 1
        return None

    def at_gateway(self, path: str, fields: Any) -> str:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return fetch(f"{self.world.sandbox_url}{path}", "POST", urlencode(fields).encode(), headers).text


class Student(Browser):
    def __init__(self, world: World, number: int, purchases: int) -> None:
        super().__init__(world, world.school["students"][number], f"student {number}")
        self.number, self.purchases, self.tries = number, purchases, 4 * purchases
        self.last_order = ""

    def live(self, ends_at: float) -> None:
        """Until enough purchases have begun, or everything is bought, or time is up."""
        acts = {self.buy: 60, self.buy_for_others: 16, self.subscribe: 6, self.refund: 16, self.change_plan: 4}
        acts |= {self.check: 4, self.claim: 16}
        while self.purchases > 0 and self.tries > 0 and time.monotonic() < ends_at:
            self.chance.choices(list(acts), list(acts.values()))[0]()

    # --- Buying ---
    def buy(self) -> None:
        path = f"/checkout/{self._product()}"
        coupon = self.chance.choice(COUPONS)["code"] if self.chance.random() < 0.3 else ""
        self._buy(path, {"coupon": coupon} if coupon else {})

    def buy_for_others(self) -> None:
        path = f"/checkout/{self._product()}"
        if self.chance.random() < 0.5:
            self._buy(f"{path}/gift", {"recipient_email": self._somebody(), "gift_message": "Ahoy!"})
            return
        self._buy(f"{path}/seats", {"seat_count": str(self.chance.randint(2, 4))})
        if self.last_order:
            self.insist(f"{self.last_order}/seats", {"emails": "\n".join(sorted({self._somebody(), self._somebody()}))})

    def _somebody(self) -> str:
        return f"student{self.chance.randrange(self.world.students)}@example.org"

    def _product(self) -> str:
        if self.chance.random() < 0.25:
            return f"bundles/boats-{self.chance.randrange(len(SIZES))}"
        return f"courses/knots-{self.chance.randrange(COURSES)}"

    def _buy(self, path: str, more: dict[str, str]) -> None:
        ending = self.chance.choices(list(ENDINGS), list(ENDINGS.values()))[0]
        self.tries, self.last_order = self.tries - 1, ""
        page = self.insist(path, [("apply", "1"), *more.items()])  # shows the price on these terms
        if page is None or page.status == 302:
            return
        if page.status != 200:
            more = {name: value for name, value in more.items() if name != "coupon"}
            page = self.insist(path, [("apply", "1"), *more.items()])
        if page is None or page.status != 200:
            return
        asked = [*hidden(page.text), *more.items()]
        if ending == "clicks":
            self._click_at_once(path, asked)
        pay = self.insist(path, asked)
        if pay is None:
            return
        if pay.status in (200, 302):
            self.purchases -= 1
            self.world.seen["purchases begun"] += 1
        if pay.status == 302:
            self.world.seen["purchases of nothing"] += 1
        elif pay.status == 200:
            self._pay(hidden(pay.text), ending)

    def _click_at_once(self, path: str, asked: Any) -> None:
        clicks = [threading.Thread(target=self.ask, args=[path, asked]) for _ in range(4)]
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()

    def _pay(self, form: list[tuple[str, str]], ending: str) -> None:
        """At the gateway, and back with what its page says; or not."""
        self.world.seen[f"ending: {ending}"] += 1
        form_fields = dict(form)
        self.last_order = urlsplit(form_fields["cancel_url"]).path
        if ending == "abandon":
            self.ask(urlsplit(form_fields["cancel_url"]).path)
            return
        page = self.at_gateway("/v1/checkout/embedded", form)
        action = "/pay/subscription" if "subscription_id" in form_fields else "/pay"
        buttons = {"close": ["close"], "fail": ["fail"], "fail first": ["fail", "card"], "later": ["later"]}
        back = urlsplit(form_fields["callback_url"]).path
        for how in buttons.get(ending, ["upi"]):
            returned = hidden(self.at_gateway(action, [*hidden(page), ("how", how)]))
            if ending == "twice" and "order_id" in form_fields:
                self.world.gateway("POST", "/sandbox/payments", {"order_id": form_fields["order_id"]})
            if returned:
                self.insist(back, returned)

    # --- Subscriptions ---
    def subscribe(self) -> None:
        self.tries -= 1
        path = f"/subscribe/{self.chance.choice(['monthly', 'monthly', 'yearly'])}"
        page = self.insist(path)
        if page is None or page.status != 200:
            return
        pay = self.insist(path, hidden(page.text))
        if pay is not None and pay.status == 200:
            self.purchases -= 1
            self.world.seen["subscriptions begun"] += 1
            self._pay(hidden(pay.text), self.chance.choice(["return", "return", "close", "fail", "later"]))
            if self.chance.random() < 0.3:
                self._let_renewals_fail(dict(hidden(pay.text))["subscription_id"])

    def _let_renewals_fail(self, subscription_id: str) -> None:
        self.world.gateway("POST", "/sandbox/renewals", {"subscription_id": subscription_id, "how": "fail"})

    def change_plan(self) -> None:
        what, fields = self.chance.choice(
            [
                ("cancel", {"when": "later"}),
                ("cancel", {"when": "now"}),
                ("pause", {}),
                ("resume", {}),
                ("pay", {}),
                ("check", {}),
            ]
        )
        answer = self.insist(f"/my/subscription/{what}", fields)
        if answer is not None and answer.status in (200, 302):
            self.world.seen[f"subscription: {what}"] += 1

    # --- Afterwards ---
    def _own_order(self) -> str | None:
        page = self.insist("/orders")
        found = sorted(set(ORDER.findall(page.text))) if page else []
        return self.chance.choice(found) if found else None

    def check(self) -> None:
        if order := self._own_order():
            self.insist(f"/orders/{order}/check", {})
            self.insist(f"/orders/{order}")

    def refund(self) -> None:
        if order := self._own_order():
            ask_refund(self, f"/orders/{order}/refund")

    def claim(self) -> None:
        """Take a seat whose link was sent to this student, perhaps for the second time."""
        if link := self._link_in_the_mail():
            self.insist(urlsplit(link).path)
            self.insist("/seats/claim", {})
            self.world.seen["links opened"] += 1

    def _link_in_the_mail(self) -> str:
        links = []
        for file in (self.world.folder / "mail").glob("*"):
            for mail in file.read_text(errors="replace").split("\n" + "-" * 79 + "\n"):
                if f"To: student{self.number}@example.org" in mail:
                    links += re.findall(r"http://[^\s]+/seats/[\w-]{43}", mail)
        return self.chance.choice(sorted(links)) if links else ""


def ask_refund(browser: Browser, path: str) -> None:
    """Everything that can go back, or one line of it."""
    page = browser.insist(path)
    lines = [value for name, value in hidden(page.text) if name == "line"] if page and page.status == 200 else []
    if len(lines) > 1 and browser.chance.random() < 0.6:
        chosen = urlencode([("choose", "1"), ("line", browser.chance.choice(sorted(lines)))])
        page = browser.insist(f"{path}?{chosen}")
    fields = hidden(page.text) if page and page.status == 200 else []
    if any(name == "line" for name, _ in fields):
        browser.insist(path, [*fields, ("reason", "Not what I expected")])
        browser.world.seen["refunds asked for"] += 1


class Staff(Browser):
    """Refunds by line what students may not, and decides about what the other one asked for."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__(world, world.school["staff"][number], f"staff {number}")

    def live(self, stop: threading.Event) -> None:
        while not stop.wait(self.chance.uniform(0.5, 2)):
            self.chance.choice([self.refund, self.decide, self.decide])()

    def refund(self) -> None:
        page = self.insist("/admin/payments/order/?status__exact=paid")
        orders = sorted(set(re.findall(r"/admin/payments/order/([0-9a-f-]{36})/change/", page.text))) if page else []
        if orders:
            ask_refund(self, f"/admin/payments/refund/order/{self.chance.choice(orders)}")

    def decide(self, what: str = "") -> None:
        for refund in self._refunds("waiting")[:3]:
            decision = what or self.chance.choice(["approve", "approve", "decline"])
            self.insist(f"/admin/payments/refund/{refund}/{decision}", {"reason": "So be it"})
            self.world.seen[f"refunds: {decision}"] += 1

    def _refunds(self, status: str) -> list[str]:
        page = self.insist(f"/admin/payments/refund/?status__exact={status}")
        return sorted(set(re.findall(r"/admin/payments/refund/([0-9a-f-]{36})/change/", page.text))) if page else []

    def give_back_strays(self, orders: list[str]) -> None:
        """Payments that no order accounts for: paid twice."""
        for order in orders:
            page = self.insist(f"/admin/payments/order/{order}/change/")
            for payment in re.findall(r"/admin/payments/refund/payment/([0-9a-f-]{36})", page.text if page else ""):
                self.insist(f"/admin/payments/refund/payment/{payment}", {"reason": "Paid twice"})
                self.world.seen["strays given back"] += 1
