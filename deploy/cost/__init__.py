"""The monthly bill, computed from Terraform's plan and a file of dated prices: `python -m deploy.cost`.

prices.json   each price with its unit, region, source and date
prices.py     reading it
plan.py       what the plan has, by region: counts and sizes
catalogue.py  which resource types cost what, and which are free; an unknown one is an error
usage.py      what the plan cannot know: gigabytes, requests; assumptions by number of students
bill.py       counts × prices
variants.py   minimum, maximum, with and without a second region, and what each switch changes
document.py   the tables of docs/cost.md
"""
