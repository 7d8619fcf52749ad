"""Crumbs with objects of frameworks, against the `repr` of each. None may send SQL."""

import django
import pydantic
from django.conf import settings
from frameworks.pairs import least, show, statement

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
)
django.setup()

from django.db import connection, models  # noqa: E402 - they need the settings
from django.http import HttpRequest  # noqa: E402

from statecrumbs import crumb  # noqa: E402


class Product(models.Model):
    title = models.CharField(max_length=100)

    class Meta:
        app_label = "shop"

    def __str__(self):
        return self.title


class Customer(pydantic.BaseModel):
    number: int
    name: str
    plan: str
    is_active: bool = True


def pair(value):
    return least(
        statement('crumb("order_paid", value=value)', crumb=crumb, value=value),
        statement("repr(value)[:4096]", value=value),
    )


request = HttpRequest()
request.META = {
    "CONTENT_LENGTH": "24",
    "CONTENT_TYPE": "application/json",
    "HTTP_ACCEPT": "*/*",
    "HTTP_COOKIE": "sessionid=4f1d9c2b7a",
    "HTTP_HOST": "shop.example",
    "HTTP_USER_AGENT": "curl/8.5.0",
    "SERVER_NAME": "localhost",
}

connection.force_debug_cursor = True
results = {
    "model": pair(Product(pk=4711, title="A red chair")),
    "pydantic": pair(Customer(number=4711, name="Ann Miller", plan="pro")),
    "headers": pair(request.headers),
}
if connection.queries:
    raise SystemExit(f"A crumb sent SQL: {connection.queries}")
show(**results)
