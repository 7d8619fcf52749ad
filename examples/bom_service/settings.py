"""Django's settings. All files go into one folder."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(os.environ.get("BOM_SERVICE_FOLDER", "."))
BROKER = os.environ.get("BOM_SERVICE_BROKER", "filesystem://")

INSTALLED_APPS = ["penstock_django", "examples.bom_service"]
MIDDLEWARE = ["penstock.contrib.django.FlowMiddleware"]  # an ID for each request
ROOT_URLCONF = "examples.bom_service.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
LOGGING_CONFIG = None  # see observability
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "boms.sqlite",
        # Several processes write: each waits for the others.
        "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
    }
}
