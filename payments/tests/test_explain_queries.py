"""Every listing is served by an index where there are ten thousand rows."""

import pytest
from django.core.management import call_command

from payments.demo.scale import create_scale

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_probe(capsys):
    import io
    call_command("seed_demo", "--force", verbosity=0)
    create_scale(300, io.StringIO())
    with capsys.disabled():
        call_command("explain_queries")
