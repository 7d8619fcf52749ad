"""Pillow, or an ImportError that says how to install it; it is the extra `penstock[png]`."""

from __future__ import annotations

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as _error:
    raise ImportError('PNG needs Pillow. Run: pip install "penstock[png]"') from _error

__all__ = ["Image", "ImageDraw", "ImageFont"]
