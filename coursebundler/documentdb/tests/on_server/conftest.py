"""These tests need the server: `TEST_DATABASE=documentdb-8.0.2 pytest`. On SQLite they are not collected."""

from tests.environment import TEST_DATABASE

collect_ignore_glob = [] if TEST_DATABASE.startswith("documentdb") else ["test_*.py"]
