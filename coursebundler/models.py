"""What every model of ours starts from."""

from django.db import models

from coursebundler.fields import uuid7


class UUIDModel(models.Model):
    """A row with a time-ordered UUID for a key, stored as `_id` so that DocumentDB has one key and not two."""

    id = models.UUIDField(primary_key=True, db_column="_id", default=uuid7, editable=False)

    class Meta:
        abstract = True
