"""Makes a dump: a gzip file of lines for each model, then the manifest."""

import gzip
import hashlib
import secrets
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from coursebundler.backups import manifest, snapshot
from coursebundler.backups.manifest import Manifest, ModelDump
from coursebundler.backups.rows import (
    LEFT_OUT,
    ROWS_AT_ONCE,
    line_of,
    models_in_dump,
    names_of,
    portable_line_of,
    stored_rows,
)
from coursebundler.backups.stores import Store


def make_dump(store: Store, *, snapshot_seconds: float = snapshot.SNAPSHOT_SECONDS) -> Manifest:
    """Dump every model and keep the dump in `store`. What stops half-way leaves no manifest, so no dump."""
    began_at = datetime.now(UTC)
    name = f"{began_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="back_up-") as folder:

        def everything(check: Callable[[], None]) -> list[ModelDump]:
            return [_dump_model(model, store, name, Path(folder), check) for model in models_in_dump()]

        models, consistency = snapshot.take(everything, seconds=snapshot_seconds)
        made = Manifest(
            name=name,
            began_at=began_at.isoformat(),
            ended_at=datetime.now(UTC).isoformat(),
            version=version(),
            engine=engine(DEFAULT_DB_ALIAS),
            consistency=consistency,
            migrations=applied_migrations(DEFAULT_DB_ALIAS),
            models=sorted(models, key=lambda model: model.model),
            left_out=LEFT_OUT,
        )
        path = Path(folder) / manifest.NAME
        path.write_bytes(made.to_json())
        store.put(name, manifest.NAME, path)
    return made


def _dump_model(model: type[Model], store: Store, name: str, folder: Path, check: Callable[[], None]) -> ModelDump:
    file = manifest.file_of(model._meta.label)
    path = folder / file
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6, mtime=0, filename="") as packed:
        digests = Digests(model, DEFAULT_DB_ALIAS, write=packed.write, check=check)
    made = ModelDump(
        model=model._meta.label,
        file=file,
        fields=names_of(model),
        rows=digests.rows,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        rows_sha256=digests.exact,
        portable_sha256=digests.portable,
    )
    store.put(name, file, path)
    path.unlink()
    return made


class Digests:
    """Walks through a model's rows: how many there are, and the SHA-256 of their lines, exact and portable."""

    def __init__(
        self,
        model: type[Model],
        using: str,
        *,
        write: Callable[[bytes], Any] = lambda line: None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        exact, portable = hashlib.sha256(), hashlib.sha256()
        self.rows = 0
        for values in stored_rows(model, using):
            line = line_of(values)
            write(line)
            exact.update(line)
            portable.update(portable_line_of(values, line))
            self.rows += 1
            if self.rows % ROWS_AT_ONCE == 0:
                check()
        check()
        self.exact, self.portable = exact.hexdigest(), portable.hexdigest()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def applied_migrations(using: str) -> list[str]:
    """ "users.0001_initial", sorted."""
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connections[using]).applied_migrations())


def engine(using: str) -> str:
    """ "sqlite", or "documentdb 8.0.2"."""
    connection: Any = connections[using]
    return f"documentdb {connection.level}" if connection.vendor == "mongodb" else connection.vendor


def version() -> str:
    """The project's, if its file came along."""
    with suppress(OSError, tomllib.TOMLDecodeError, KeyError):
        return str(tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["version"])
    return ""
