"""What Django may count on: the stock backend's answers, where DocumentDB's differ."""

from django_mongodb_backend import features


class DatabaseFeatures(features.DatabaseFeatures):
    # The engine level is configured, and `manage.py check_database` compares it with the server.
    minimum_database_version = (5, 0)
    # With the upserts of compiler.py.
    supports_ignore_conflicts = True
    # An update across relations asks for the keys first.
    update_can_self_select = False
    # Asking the server would send a command that no engine version has.
    supports_atlas_search = False
    is_mongodb_6_3 = False
    _supports_transactions = True
