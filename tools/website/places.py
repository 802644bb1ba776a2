"""Where things stand: folders of the repository, and the addresses of repository and site."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"
CACHE = BUILD / "cache"
SITE = BUILD / "html"
STATIC = ROOT / "book" / "_static"
TEMPLATES = ROOT / "book" / "_templates"
PRINT = BUILD / "print"
CHINESE = "zh_CN"
LANGUAGES = ["en", CHINESE]


def volume_name(language: str) -> str:
    """Of the files of the whole book, without their suffix."""
    return "from-attention-to-advantage" + ("" if language == "en" else "-zh")


def volumes(language: str) -> list[Path]:
    """The whole book in one language: its PDF and its EPUB, as far as they have been made."""
    return [f for f in (PRINT / f"{volume_name(language)}{kind}" for kind in (".pdf", ".epub")) if f.exists()]


def repository(root: Path = ROOT) -> str:
    """The repository's address, from the one place where it stands."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def site_url(repository: str) -> str:
    """Where GitHub Pages publishes a repository."""
    owner, name = repository.rstrip("/").split("/")[-2:]
    host = f"https://{owner.lower()}.github.io/"
    return host if f"https://{name.lower()}/" == host else f"{host}{name}/"
