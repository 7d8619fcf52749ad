"""Many threads at once, for what works without a lock; see `__main__`."""
