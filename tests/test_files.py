"""Files and folders: whole or not at all, whatever happens half-way."""

import contextlib
import os
import stat
import sys
import threading

import pytest

from advantage import files

posix = pytest.mark.skipif(sys.platform == "win32", reason="permissions and links are POSIX's")


@pytest.mark.parametrize(("mode", "content"), [("w", "中文\nline\n"), ("wb", b"\xff\r\n\x00")])
def test_what_is_written_is_there(tmp_path, mode, content):
    """Reference: the bytes of the file, the same on every system."""
    for _ in range(2):  # new, and in the place of an older one
        with files.whole(tmp_path / "a", mode) as file:
            file.write(content)
            assert len(list(tmp_path.iterdir())) == 1 + (tmp_path / "a").exists()
        assert (tmp_path / "a").read_bytes() == (content if mode == "wb" else content.encode())
        assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError, ValueError])
@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
def test_an_interruption_leaves_what_was_there(tmp_path, monkeypatch, error, before, failing):
    """Reference: the file before, and no other file beside it."""
    if before:
        (tmp_path / "a").write_text(before)

    def interrupted(*_, **__):
        raise error

    def written_half():
        with files.whole(tmp_path / "a") as file:
            file.write("half")
            if failing == "write":
                interrupted()

    if failing != "write":
        monkeypatch.setattr(os, failing, interrupted)
    with pytest.raises(error):
        written_half()
    assert os.listdir(tmp_path) == (["a"] if before else [])
    if before:
        assert (tmp_path / "a").read_text() == before


@posix
def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    """Reference: the umask for a new file; the file's own mode otherwise."""
    umask = os.umask(0o022)
    try:
        with files.whole(tmp_path / "a") as file:
            file.write("1")
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644
        (tmp_path / "a").chmod(0o600)
        with files.whole(tmp_path / "a") as file:
            file.write("2")
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
        with files.whole_folder(tmp_path / "b") as folder:
            (folder / "c").touch()
        assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o755
    finally:
        os.umask(umask)


@posix
def test_a_link_stays_a_link(tmp_path):
    """Reference: os.readlink."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_text("old")
    (tmp_path / "a").symlink_to("elsewhere/a")
    with files.whole(tmp_path / "a") as file:
        file.write("new")
    assert os.readlink(tmp_path / "a") == "elsewhere/a"
    assert (tmp_path / "elsewhere" / "a").read_text() == "new"


def test_readers_never_see_half(tmp_path):
    """Reference: every content read while eight threads write is one that was written whole."""
    path, texts = tmp_path / "a", [str(i) * 100_000 for i in range(8)]
    path.write_text(texts[0])

    def write(text):
        for _ in range(5):
            with files.whole(path) as file:
                file.write(text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_text() in texts
    assert os.listdir(tmp_path) == ["a"]


def test_long_names_and_missing_folders(tmp_path):
    """Reference: a name as long as the system allows; FileNotFoundError of the folder."""
    with files.whole(tmp_path / ("a" * 255)) as file:
        file.write("x")
    with pytest.raises(FileNotFoundError), files.whole(tmp_path / "none" / "a"):
        pass
    with pytest.raises(ValueError, match=r"^mode: 'a'"), files.whole(tmp_path / "b", "a"):
        pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_folder_appears_whole_or_not_at_all(tmp_path, error):
    """Reference: the folder before."""
    for content in ("old", "new"):
        with files.whole_folder(tmp_path / "b") as folder:
            (folder / content).touch()
        assert os.listdir(tmp_path) == ["b"]
        assert os.listdir(tmp_path / "b") == [content]

    def interrupted():
        with files.whole_folder(tmp_path / "b") as folder:
            (folder / "half").touch()
            raise error

    with pytest.raises(error):
        interrupted()
    assert os.listdir(tmp_path) == ["b"]
    assert os.listdir(tmp_path / "b") == ["new"]


@posix
@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_a_lock_is_held_by_one_and_given_back(tmp_path, error):
    """Reference: flock(2): what is locked through one opening of a file cannot be locked through another."""
    import fcntl

    def is_free() -> bool:
        with open(tmp_path / "a.lock", "ab") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    with pytest.raises(error) if error else contextlib.nullcontext(), files.locked(tmp_path / "a"):
        assert not is_free()
        if error:
            raise error
    assert is_free()
