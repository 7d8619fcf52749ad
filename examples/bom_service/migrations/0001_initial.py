"""The tables of imports and parts."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models

KEY = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    """Makes both tables."""

    initial = True
    operations: ClassVar = [
        migrations.CreateModel(
            "Import",
            [
                ("id", KEY.clone()),
                ("name", models.CharField(max_length=100)),
                ("document", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("stored", "Stored"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="received",
                        max_length=10,
                    ),
                ),
                ("flow_id", models.CharField(max_length=128)),
            ],
        ),
        migrations.CreateModel(
            "Part",
            [
                ("id", KEY.clone()),
                ("ref", models.CharField(max_length=200)),
                ("name", models.CharField(max_length=200)),
                ("version", models.CharField(max_length=100)),
                (
                    "bom",
                    models.ForeignKey(
                        on_delete=models.CASCADE,
                        related_name="parts",
                        to="bom_service.import",
                    ),
                ),
                ("needs", models.ManyToManyField(to="bom_service.part")),
            ],
        ),
    ]
