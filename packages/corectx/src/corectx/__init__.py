"""The corectx package."""
