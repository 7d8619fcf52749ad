"""A request to Django with our middleware: a frame, an ID of its own, and that in the response."""

from frameworks.django_request import time_request

time_request("penstock.contrib.django.FlowMiddleware")
