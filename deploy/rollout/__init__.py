"""What `deploy/deploy` does: a release in named steps, each safe to repeat, and the way back.

    main.py      arguments, and the order of the steps
    place.py     names of things in one environment, and the guard that it is the right account
    aws.py       every call to AWS, printed as the `aws` command that would do the same; --dry-run only prints
    pretend.py   what AWS would answer, for --dry-run
    programs.py  docker or podman, git, terraform
    steps.py     the steps             failure.py  how one fails: what happened, and what to do now
    images.py  tasks.py  services.py  schedules.py  static.py  smoke.py  infrastructure.py  what the steps do

boto3 and not the `aws` program: answers are data and not text, a test can play AWS over HTTP, and whoever has the
project's environment has it already. Nothing here is imported by the site.
"""
