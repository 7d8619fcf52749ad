"""The statecrumbs package."""
