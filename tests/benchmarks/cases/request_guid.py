"""A request to Django with django-guid, with its defaults: an ID, and that in the response."""

from frameworks.django_request import time_request

time_request(
    "django_guid.middleware.guid_middleware", INSTALLED_APPS=["django_guid"], DJANGO_GUID={}
)
