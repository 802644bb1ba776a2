"""A file, or a folder, whole or not at all; and a lock for those who change one together."""

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def whole(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file beside `path` to write to, and put it in `path`'s place once the block ends without an error.

    Whoever reads, interrupts or loses power finds the old file or the new one, never half. A symbolic link stays one,
    a file keeps its permissions, and text is UTF-8 with one kind of line end on every system.

    Args:
        path: the file; its folder must exist.
        mode: `w` for text, `wb` for bytes.

    Raises:
        ValueError: `mode` is neither.
        OSError: the folder cannot be written; `path` is then as it was.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode: {mode!r}; must be 'w' or 'wb'")
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".unfinished-{secrets.token_hex(8)}")
    encoding, newline = ("utf-8", "\n") if mode == "w" else (None, None)
    try:
        with open(beside, mode.replace("w", "x"), encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a rename may reach the disk before the bytes do
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give an empty folder beside `path` to fill, and put it in `path`'s place once the block ends without an error.

    A folder that was there goes away just before; files that matter are written with `whole`, or synchronised.

    Raises:
        OSError: the folder around cannot be written.
    """
    target = Path(path)
    beside = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=target.parent))
    try:
        yield beside
        beside.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        os.replace(beside, target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


@contextlib.contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of `path`, the file `path.lock` beside it: one thread of one process at a time runs the block.

    Raises:
        OSError: the lock cannot be made, or (on Windows) not had within ten seconds.
    """
    with open(f"{os.fspath(path)}.lock", "ab") as lock:  # closing it gives the lock back, and so does a crash
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
