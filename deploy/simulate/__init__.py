"""Replays traffic against the scaling policies in deploy/ecs/scaling, second by second: `python -m deploy.simulate`.

Read in this order; each file has one topic.

    policies.py   the policy files as Python objects; what is not understood is refused
    settings.py   task size, start-up and drain, each with its source; capacity as measured
    traffic.py    how many requests arrive in each second
    queueing.py   how long requests wait at one task
    database.py   what all tasks share
    tasks.py      tasks start, become healthy, drain, die; the load balancer's and ECS's part
    alarms.py     CloudWatch: one-minute periods, delay, alarm states
    scaling.py    Application Auto Scaling: steps, tracking, cooldowns, the largest capacity wins
    worker.py     the worker's queue
    world.py      all of them together, one second after the other
    scenarios.py  what happens when: bursts, launches, failures
    whatif.py     other assumptions and choices
    report.py     tables; plot.py: pictures
    million.py    the same figures for a thousand to a million students, on paper
"""
