"""Dumps of every row, to a folder or to S3, and the drill that shows that they can be restored (docs/operations.md).

    rows.py      a row as a line of JSON and back, without loss
    snapshot.py  how the rows of a dump belong to one moment, as far as the engine allows
    dump.py      makes a dump          stores.py  where dumps are kept
    manifest.py  what a dump says of itself
    scratch.py   a database for trying: never the configured one
    drill.py     restores a dump there and compares
    stopping.py  SIGTERM as an exception

A dump is the second line of defence. The first is the cluster's own: snapshots and the restoring to a point in time
(deploy/README.md). Those die with the account or the engine; a dump is readable by anything that reads JSON.
"""
