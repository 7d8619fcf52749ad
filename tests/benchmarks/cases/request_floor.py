"""A request to Django alone."""

from frameworks.django_request import time_request

time_request()
