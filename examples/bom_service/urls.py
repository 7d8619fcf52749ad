"""The one route of the service."""

from __future__ import annotations

from django.urls import path

from examples.bom_service.views import receive_bom

urlpatterns = [path("boms/<slug:name>/", receive_bom)]
