"""Where Django asks the database for its ways of doing things."""

from django_mongodb_backend import operations


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "coursebundler.documentdb.compiler"

    def execute_sql_flush(self, tables: list[str]) -> None:
        """Empty the collections: one command each. (The stock one first asks each whether it is capped.)"""
        for table in tables:
            self.connection.database[table].delete_many({})
