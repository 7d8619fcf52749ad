"""One environment for us and one for each peer: two of them install packages of our names."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import uv

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Under the checkout, where git ignores it, so that a second run starts at once.
FOLDER = ROOT / "build" / "benchmarks"

OURS = [
    *(str(ROOT / "packages" / name) for name in ("corectx", "statecrumbs", "penstock")),
    *(str(ROOT / "integrations" / name) for name in ("django", "celery", "structlog", "otel")),
]

# All versions are fixed, so that a ratio changes only when we do.
DJANGO, CELERY, STRUCTLOG = "django==5.2.19", "celery==5.7.0", "structlog==26.1.0"
OTEL = ["opentelemetry-api==1.45.2", "opentelemetry-sdk==1.45.2"]
FRAMEWORKS = [DJANGO, CELERY, STRUCTLOG, *OTEL, "pydantic==2.14.4", "pillow==13.0.0"]
PEERS = {
    "statecrumbs": ["statecrumbs==0.1.2"],
    "penstock": ["penstock==0.1.0"],
    "sentry": ["sentry-sdk==2.75.0", DJANGO, CELERY],
    "structlog": [STRUCTLOG],
    "loguru": ["loguru==0.7.3"],
    "otel": [
        *OTEL,
        "opentelemetry-instrumentation-django==0.66b2",
        "opentelemetry-instrumentation-celery==0.66b2",
        DJANGO,
        CELERY,
    ],
    "django-guid": ["django-guid==3.6.1", DJANGO],
    "django-structlog": ["django-structlog==11.0.0", DJANGO, STRUCTLOG],
}


def _uv(*arguments: str) -> None:
    subprocess.run([uv.find_uv_bin(), *arguments], check=True)


def prepare() -> dict[str, pathlib.Path]:
    """Make the environments, all on this interpreter; give each one's Python by name."""
    version = "{}.{}.{}".format(*sys.version_info)
    pythons = {}
    for name in ("ours", *PEERS):
        environment = FOLDER / version / name
        python = environment / "bin" / "python"
        pythons[name] = python
        if not python.exists():
            _uv("venv", "--quiet", "--python", sys.executable, str(environment))
        # Installed packages cost nothing; the wanted ones may have changed since.
        install = ["pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        _uv(*install, "pyperf==2.10.0")
        if name == "penstock":
            # It says that it needs 3.14, but runs on ours; it has no dependencies.
            install += ["--python-version", "3.14", "--no-deps"]
        _uv(*install, *PEERS.get(name, FRAMEWORKS))
    # Ours may have changed since.
    reinstall = ["--compile-bytecode", "--reinstall", "--no-deps", "--python", str(pythons["ours"])]
    _uv("pip", "install", "--quiet", *reinstall, *OURS)
    return pythons
