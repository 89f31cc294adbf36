import pytest

from tests.environment import TEST_DATABASE

collect_ignore = [] if TEST_DATABASE.startswith("documentdb") else ["test_scratch_on_server.py"]


@pytest.fixture
def any_alias(transactional_db, django_db_blocker):
    """Django lets a test reach the databases of its beginning only; the scratch database is made later."""
    with django_db_blocker.unblock():
        yield
