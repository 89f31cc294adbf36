"""The site for gunicorn, but its first process asks the database before it makes its workers.

Prints one line for each MongoClient that a process makes, and one for each request, with the process's number.
"""

import os
import sys

from coursebundler.documentdb.driver import Client
from coursebundler.wsgi import application as site
from users.models import User

make_client = Client.__init__


def say(text: str) -> None:
    sys.stdout.write(f"{text} {os.getpid()}\n")
    sys.stdout.flush()


def noted(self: Client, *args: object, **kwargs: object) -> None:
    say("client")
    make_client(self, *args, **kwargs)


Client.__init__ = noted
User.objects.exists()


def application(environ: dict[str, object], start_response: object) -> object:
    say("request")
    return site(environ, start_response)
