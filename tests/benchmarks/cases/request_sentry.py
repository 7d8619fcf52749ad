"""A request to Django with sentry-sdk, with its defaults: an isolated scope, and no spans.

Its transport drops everything.
"""

import sentry_sdk
from frameworks.django_request import time_request
from sentry_sdk.integrations.django import DjangoIntegration

sentry_sdk.init(
    dsn="http://key@localhost/1",
    transport=lambda envelope: None,
    auto_enabling_integrations=False,
    integrations=[DjangoIntegration()],
)
time_request()
