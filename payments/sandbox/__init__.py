"""A look-alike of Razorpay for laptops and tests: `python -m payments.sandbox`. No money moves.

It speaks HTTP as Razorpay documents it, from a process of its own, so that the site uses the same SDK, the same forms
and the same signed webhooks as in production. It is not part of Django and refuses to start unless DEBUG is true.

    store.py     what it remembers, in one SQLite file
    gateway.py   the rules: what may happen to an order and to a payment, and which events that makes
    api.py       the JSON API under /v1
    hosted.py    the payment page that people see
    controls.py  what only tests use: switches that make it slow or broken
    webhooks.py  sending events, again and again until they are answered
    server.py    HTTP
"""
