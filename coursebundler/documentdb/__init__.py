"""A Django database backend for Amazon DocumentDB: ENGINE "coursebundler.documentdb" (docs/database.md).

It stands on django-mongodb-backend, which speaks to MongoDB, and changes what leaves for the server:

    base.py        DatabaseWrapper: the connection, its settings, its pool
    credentials.py user and password from AWS Secrets Manager, followed while the site runs
    driver.py      pymongo's client, database and collection, with every way to the server rewritten and guarded
    rewrite/       pipelines: one named rule for each thing that the stock backend emits and DocumentDB lacks
    updates.py     updates: from aggregation pipelines to classic update documents
    indexes.py     index definitions: uniqueness with NULLs and conditions, within what partial indexes may say
    guard.py       refuses whatever AWS does not list for the engine level; support.json is AWS's table
    transactions.py, compiler.py, schema.py, operations.py, features.py: where Django looks for such things
    cache.py       Django's cache in a collection, shared by all processes

Importing this package imports none of it: django-mongodb-backend changes Django's expression classes when it is
imported, and a site on SQLite has no use for that.
"""
