"""Imports of documents, and the parts of each."""

from __future__ import annotations

from django.db import models


class Import(models.Model):
    """A CycloneDX document, and the state of its import."""

    class State(models.TextChoices):
        """The state of an import; the last two are final."""

        RECEIVED = "received"
        STORED = "stored"
        DONE = "done"
        FAILED = "failed"

    name = models.CharField(max_length=100)
    document = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    flow_id = models.CharField(max_length=128)

    def __str__(self) -> str:
        """Return its name and state, for people."""
        return f"{self.name} ({self.state})"


class Part(models.Model):
    """A component of a document."""

    bom = models.ForeignKey(Import, models.CASCADE, related_name="parts")
    ref = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    version = models.CharField(max_length=100)
    needs = models.ManyToManyField("self", symmetrical=False)

    def __str__(self) -> str:
        """Return its name and version, for people."""
        return f"{self.name} {self.version}"
