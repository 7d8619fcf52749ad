"""The penstock package."""
