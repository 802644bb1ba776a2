"""The ledger: what is written is read back, what cannot be is said, and nothing is ever half-written."""

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from advantage import ledger

NAME = "textgen.gpt.train_tokens_per_second"  # an entry that the package ships


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    path = tmp_path / "user" / "ledger.json"
    monkeypatch.setenv("ADVANTAGE_LEDGER", str(path))
    return path


def test_an_entry_is_read_back_with_its_unit_machine_device_and_day(place):
    written = ledger.record("my.speed", 12.5, "token/s", device="a device")
    read = ledger.read("my.speed")
    assert read == written
    assert read.own
    assert read[:2] == (12.5, "token/s")
    assert read.device == "a device"
    assert str(os.cpu_count()) in read.machine
    assert datetime.date.fromisoformat(read.date) <= datetime.date.today()
    assert json.loads(place.read_text(encoding="utf-8"))["my.speed"]["value"] == 12.5


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(min_size=1).filter(str.strip))
def test_any_finite_number_and_any_name_survive_the_file(value, name):
    ledger.record(name, value, "s")
    assert ledger.read(name).value == value


def test_your_own_measurement_comes_before_the_reference():
    shipped = ledger.read(NAME)
    assert not shipped.own
    assert shipped == ledger.reference(NAME)
    ledger.record(NAME, shipped.value + 1, shipped.unit)
    assert ledger.read(NAME).value == shipped.value + 1
    assert ledger.reference(NAME) == shipped


def test_every_shipped_entry_says_where_and_when_it_was_measured():
    path = Path(ledger.__file__).parent / "data" / "ledger.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    assert len(entries) >= 6
    for name in entries:
        entry = ledger.reference(name)
        assert entry.value > 0, name
        assert all((entry.unit, entry.machine, entry.device)), name
        datetime.date.fromisoformat(entry.date)


@pytest.mark.parametrize("look", [ledger.read, ledger.reference])
def test_an_unknown_name_is_answered_with_those_that_exist(look):
    with pytest.raises(KeyError, match=f"no entry 'speed'.*{NAME}"):
        look("speed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", 1.0, "s"), r"^name: ''"),
        ((None, 1.0, "s"), r"^name: None"),
        (("a", 1.0, "  "), r"^unit: '  '"),
        (("a", float("nan"), "s"), r"^value\[0\]: nan"),
        (("a", float("inf"), "s"), r"^value\[0\]: inf"),
        (("a", "fast", "s"), r"^value\[0\]: 'fast'"),
        (("a", True, "s"), r"^value"),
        (("a", 1.0, "s", ""), r"^device: ''"),
        (("a", 1.0, "s", "cpu", 0), r"^repeats: 0"),
        (("a", 1.0, "s", "cpu", 2.0), r"^repeats: 2.0"),
        (("a", None, "s"), r"^value\[0\]: None"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(arguments, message, place):
    with pytest.raises(ValueError, match=message):
        ledger.record(*arguments)
    assert not place.exists()


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "null",
        '{"a": 1}',
        '{"a": {"value": 1}}',
        '{"a": {"colour": 1}}',
        b"\xff\xfe",
        '{"a": {"value": NaN, "unit": "s", "machine": "m", "device": "cpu", "date": "2026-01-01"}}',
        '{"a": {"value": "1", "unit": "s", "machine": "m", "device": "cpu", "date": "2026-01-01", "earlier": 3}}',
    ],
)
def test_a_damaged_file_is_set_aside_and_the_reference_serves(damage, place):
    place.parent.mkdir()
    place.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.warns(UserWarning, match="is damaged.*set aside as ledger.damaged.json") as told:
        assert not ledger.read(NAME).own
    assert [warning.filename for warning in told] == [__file__]  # where it was read, not inside the ledger
    aside = place.with_name("ledger.damaged.json")
    assert not place.exists()
    assert aside.exists()
    ledger.record("a", 1.0, "s")  # and the ledger works again
    assert ledger.read("a").value == 1.0
    assert aside.exists()


def test_a_file_that_cannot_be_written_costs_a_warning(tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("not a folder")
    monkeypatch.setenv("ADVANTAGE_LEDGER", str(tmp_path / "a file" / "ledger.json"))
    with pytest.warns(UserWarning, match="cannot be written .*: a is not kept"):
        entry = ledger.record("a", 1.0, "s")
    assert entry.value == 1.0
    assert not ledger.read(NAME).own  # reading goes on as well


@pytest.mark.parametrize("failing", ["json.dumps", "os.replace"])
def test_an_interruption_leaves_the_file_as_it_was(failing, place, monkeypatch):
    ledger.record("a", 1.0, "s")
    before = place.read_bytes()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    module, function = failing.split(".")
    monkeypatch.setattr(sys.modules[module], function, interrupted)
    with pytest.raises(KeyboardInterrupt):
        ledger.record("a", 2.0, "s")
    assert place.read_bytes() == before
    assert sorted(os.listdir(place.parent)) == ["ledger.json", "ledger.json.lock"], "the temporary file is gone"


def test_adopting_makes_your_own_entries_the_reference_and_keeps_the_others(tmp_path):
    target = tmp_path / "reference.json"
    assert ledger.adopt(target) == []
    target.write_text('{"kept": {"value": 1, "unit": "s", "machine": "m", "device": "cpu", "date": "2026-01-01"}}')
    ledger.record("mine", 2.0, "s")
    assert ledger.adopt(target) == ["mine"]
    entries = json.loads(target.read_text(encoding="utf-8"))
    assert sorted(entries) == ["kept", "mine"]
    assert "own" not in entries["mine"]


def test_the_command_refuses_what_it_does_not_know():
    asked = subprocess.run([sys.executable, "-m", "advantage.ledger", "adapt"], capture_output=True, text=True)
    assert asked.returncode == 1
    assert "usage: python -m advantage.ledger adopt" in asked.stderr


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {}, "~/.local/share/advantage/ledger.json"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/advantage/ledger.json"),
        ("darwin", {}, "~/Library/Application Support/advantage/ledger.json"),
        ("win32", {}, "~/AppData/Local/advantage/ledger.json"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/advantage/ledger.json"),
        ("linux", {"ADVANTAGE_LEDGER": "/mine.json"}, "/mine.json"),
        ("linux", {"ADVANTAGE_LEDGER": "~/mine.json"}, "~/mine.json"),
    ],
)
def test_each_system_keeps_it_where_its_user_data_are(system, variables, expected, monkeypatch):
    for variable in ("ADVANTAGE_LEDGER", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "platform", system)
    assert ledger.location() == Path(os.path.expanduser(expected))


def test_measuring_again_keeps_what_was_measured_before(place):
    for value in (1.0, 2.0, 3.0):
        ledger.record("a", value, "s", repeats=4)
    assert [entry.value for entry in ledger.history("a")] == [1.0, 2.0, 3.0]
    assert ledger.read("a") == ledger.history("a")[-1]
    assert ledger.history("a")[0].repeats == 4
    assert ledger.history("b") == []
    assert ledger.adopt(place.with_name("reference.json")) == ["a"]
    assert "earlier" not in json.loads(place.with_name("reference.json").read_text(encoding="utf-8"))["a"]


def test_an_entry_says_with_what_it_was_measured(monkeypatch):
    """Reference: torch.get_num_threads, and the flags of two processors as Linux lists them."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    for key, flags, expected in [
        ("flags", "fpu avx2 avx512f avx512_bf16 amx_tile amx_bf16", "AVX2, AVX-512, AVX512-BF16, AMX, AMX-BF16"),
        ("Features", "fp asimd bf16 sve2", "NEON, BF16"),
        ("flags", "fpu", None),
        ("bogomips", "2", None),
    ]:
        monkeypatch.setattr(Path, "read_text", lambda *_, k=key, f=flags, **__: f"processor : 0\n{k}\t\t: {f}\n")
        assert ledger.units() == expected
    monkeypatch.undo()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert ledger.record("a", 1.0, "s").threads == 7


def test_a_field_of_a_later_version_is_kept(place):
    fields = {"value": 1, "unit": "s", "machine": "m", "device": "cpu", "date": "2026-01-01", "colour": "red"}
    place.parent.mkdir()
    place.write_text(json.dumps({"a": fields, "b": fields}), encoding="utf-8")
    assert ledger.read("a").value == 1
    ledger.record("a", 2.0, "s")
    rows = json.loads(place.read_text(encoding="utf-8"))
    assert rows["b"] == fields
    assert rows["a"]["earlier"] == [fields]


def test_nobody_who_writes_at_the_same_time_loses_anything(place):
    """Reference: two processes of two threads, with twenty measurements each."""
    code = (
        "import sys, threading; from advantage import ledger\n"
        "def write(n): [ledger.record(f'{sys.argv[1]}.{n}.{i}', i, 's') for i in range(20)]\n"
        "threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "ab"]
    assert [process.wait() for process in running] == [0, 0]
    assert len(json.loads(place.read_text(encoding="utf-8"))) == 80
