"""Where the shipped cards, runbooks and the demo recording are: inside the wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def _folder(name: str) -> Path:
    shipped = _PACKAGE / "_shipped" / name
    return shipped if shipped.is_dir() else _PACKAGE.parent / name


def models_dir() -> Path:
    """The shipped model cards."""
    return _folder("models")


def runbooks_dir() -> Path:
    """The shipped runbooks."""
    return _folder("runbooks")


def deploy_dir() -> Path:
    """Files for the systems around the daemon."""
    return _folder("deploy")


def shelves(folder: Path) -> list[Path]:
    """A shipped folder itself, which is for every host, and the ones in it, each for one kind of system."""
    return [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]


def demo_dir() -> Path:
    """The recording that `aiops demo` plays."""
    return _PACKAGE / "backtest" / "incident"
