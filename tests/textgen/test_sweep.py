"""The sweep: what it runs, what it keeps, and that a killed one goes on without repeating a run."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from advantage import records
from advantage.textgen import corpus, scaling, sweep, training
from advantage.textgen.__main__ import main
from advantage.textgen.sweep import Cell

TEXT = "".join(f"{i} green bottles, standing on the wall number {i * 7 % 13}\n" for i in range(900))
SMALL = ["--widths", "16", "32", "--tokens", "800", "1600", "--only", "grid"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "text.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def data(file):
    return sweep.text(file)


def run(file, out, *more):
    return main(["sweep", "--corpus", str(file), "--out", str(out), *SMALL, *more])


def test_the_default_plan_is_a_grid_of_six_sizes_and_four_amounts_or_more():
    """Reference: what the chapter promises; the held-out runs lie outside the grid."""
    cells = sweep.plan()
    assert len(cells) == len(set(cells))
    widths, tokens = ({getattr(cell, name) for cell in cells if cell.study == "grid"} for name in ("width", "tokens"))
    assert len(widths) >= 6
    assert len(tokens) >= 4
    assert sum(cell.study == "grid" for cell in cells) == len(widths) * len(tokens)
    held_out = [cell for cell in cells if cell.study == "larger"]
    assert held_out
    assert all(cell.width > max(widths) and cell.tokens >= max(tokens) for cell in held_out)
    assert len({cell.seed for cell in cells if cell.study in ("grid", "seeds")}) >= 3


def test_parameters_are_counted_as_the_model_has_them():
    """Reference: PyTorch's own count, with and without embedding and head."""
    for width in sweep.WIDTHS:
        model = sweep.model(width, seed=0)
        every = sum(p.numel() for p in model.parameters())
        tables = model.embedding.weight.numel() + model.head.weight.numel()
        assert sweep.sizes(width) == (every, every - tables)


def test_the_loss_of_a_run_is_that_of_training_it_alone(file, data, tmp_path):
    """Reference: `training.train` with the recipe written out, on the whole training text."""
    assert run(file, tmp_path / "runs.json") == 0
    rows = json.loads((tmp_path / "runs.json").read_text())["runs"]
    train_text, held_out = (np.frombuffer(corpus.join(side).encode(), np.uint8) for side in corpus.split(
        corpus.documents(file)
    ))  # fmt: skip
    model = sweep.model(32, seed=0)
    trained = training.train(
        model, train_text, held_out[: len(data.judge)], budget_tokens=1600, context=64, batch=12, seed=0,
        muon_rate=0.02, adam_rate=0.24 / 32**0.5, bfloat16=False,
    )  # fmt: skip
    assert [(row["width"], row["tokens"]) for row in rows] == [(16, 800), (32, 800), (16, 1600), (32, 1600)]
    assert rows[-1]["loss"] == pytest.approx(trained.val_loss, abs=2e-5)


def test_pieces_lie_evenly_and_those_for_the_rates_are_others():
    """Reference: positions written as the tokens themselves."""
    tokens = np.arange(1_000_000)
    judge, rates = sweep.spread(tokens, 100_000), sweep.spread(tokens, 100_000, late=True)
    assert len(judge) == len(np.unique(judge)) == 100_000
    assert not set(judge) & set(rates)
    assert abs(judge.mean() - 500_000) < 25_000
    assert (np.diff(judge) == 1).mean() > 0.999
    assert (sweep.spread(tokens, len(tokens)) == tokens).all()
    for count in (0, len(tokens) + 1):
        with pytest.raises(ValueError, match="count"):
            sweep.spread(tokens, count)


def test_repeated_text_holds_no_more_than_it_says(data, monkeypatch):
    """Reference: the tokens that training is given."""
    given = []
    monkeypatch.setattr(sweep, "train", lambda model, tokens, *_, **__: given.append(tokens))
    sweep.measure(Cell("repeated", 16, 1600, distinct=400), data)
    sweep.measure(Cell("grid", 16, 1600), data)
    assert [len(tokens) for tokens in given] == [400, len(data.train)]


# --------------------------------------------------------------------- resume


def test_a_finished_run_is_not_repeated(file, tmp_path, monkeypatch, capsys):
    """Reference: a measurement that fails when it is asked for; a wider sweep measures what is new alone."""
    out = tmp_path / "runs.json"
    assert run(file, out) == 0
    before = out.read_bytes()
    monkeypatch.setattr(sweep, "measure", lambda *_: pytest.fail("measured again"))
    assert run(file, out) == 0
    assert out.read_bytes() == before
    assert "4 runs" in capsys.readouterr().out
    asked = []
    monkeypatch.setattr(sweep, "measure", lambda cell, data: asked.append(cell) or training.Run(2.0, 1.0, 1, 1, []))
    assert run(file, out, "--widths", "16", "32", "48") == 0
    assert [(cell.width, cell.tokens) for cell in asked] == [(48, 800), (48, 1600)]


def test_a_killed_sweep_leaves_a_whole_file_and_goes_on(file, tmp_path):
    """Reference: the same sweep undisturbed; the file is read while it is written, and after SIGKILL."""
    out, whole = tmp_path / "runs.json", tmp_path / "whole.json"
    command = [sys.executable, "-m", "advantage.textgen", "sweep", "--corpus", str(file), *SMALL]
    command += ["--tokens", "800", "1600", "40000"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": os.environ | {"CI": "1"}}
    process = subprocess.Popen([*command, "--out", str(out)], **quiet)
    while not out.exists() or len(json.loads(out.read_text())["runs"]) < 2:
        assert process.poll() is None, "the sweep ended before it was killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = json.loads(out.read_text())["runs"]
    assert 2 <= len(kept) < 6
    subprocess.run([*command, "--out", str(out)], check=True, **quiet)
    subprocess.run([*command, "--out", str(whole)], check=True, **quiet)
    ended, undisturbed = (json.loads(path.read_text())["runs"] for path in (out, whole))
    assert ended[: len(kept)] == kept

    def measured(rows):
        return [{name: value for name, value in row.items() if name != "processor_seconds"} for row in rows]

    assert measured(ended) == measured(undisturbed)


def test_an_interrupted_sweep_says_how_to_go_on(file, tmp_path, monkeypatch, capsys):
    """Reference: exit code 130, and a file that holds the runs that were finished."""

    def stop(cell, data):
        if cell.tokens == 1600:
            raise KeyboardInterrupt
        return training.Run(2.0, 1.0, 1, 1, [])

    monkeypatch.setattr(sweep, "measure", stop)
    assert run(file, tmp_path / "runs.json") == 130
    assert "goes on" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "runs.json").read_text())["runs"]) == 2


# -------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--widths", "20"], "widths: 20; must be a multiple of 16"),
        (["--widths", "0"], "widths: 0"),
        (["--tokens", "0"], "tokens: 0"),
        (["--larger", "24", "5000"], "widths: 24"),
        (["--only", "grid", "everything"], "only: everything"),
        (["--out", "nowhere/runs.json"], "nowhere"),
        (["--corpus", "missing.txt"], "missing.txt"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_measured(file, tmp_path, monkeypatch, capsys, arguments, message):
    """Reference: exit code 1 and a message that names the argument."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep, "measure", lambda *_: pytest.fail("measured"))
    assert run(file, tmp_path / "runs.json", *arguments) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_file_of_another_sweep_or_of_none_is_left_alone(file, tmp_path, capsys):
    """Reference: its bytes; the message names what differs."""
    other, out = tmp_path / "other.txt", tmp_path / "runs.json"
    other.write_text(TEXT.upper())
    assert run(file, out) == 0
    before = out.read_bytes()
    assert run(other, out) == 1
    assert "corpus_sha256" in capsys.readouterr().err
    assert out.read_bytes() == before
    for text in ("", "[]", "{}", '{"runs": [{"width": 16}]}', "\0"):
        out.write_text(text)
        assert run(file, out) == 1
        assert "not the record of a sweep" in capsys.readouterr().err
        assert out.read_text() == text


def test_a_run_that_diverged_is_not_kept(file, tmp_path, monkeypatch, capsys):
    """Reference: a loss that is no number ends the sweep with exit code 1."""
    monkeypatch.setattr(sweep, "measure", lambda *_: training.Run(float("nan"), 1.0, 1, 1, []))
    assert run(file, tmp_path / "runs.json") == 1
    assert "diverged" in capsys.readouterr().err
    assert not (tmp_path / "runs.json").exists()


def test_a_disk_that_is_full_leaves_the_old_file(file, tmp_path, monkeypatch, capsys):
    """Reference: the file's bytes before; the error of the system, exit code 1."""
    out = tmp_path / "runs.json"
    assert run(file, out) == 0
    before = out.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert run(file, out, "--widths", "48") == 1
    assert "No space left" in capsys.readouterr().err
    assert out.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"runs.json", "runs.json.lock"}


# ---------------------------------------------------------------- the record


def test_the_record_holds_the_default_plan():
    """Reference: the plan, the recipe and the sizes of the code: what ships is what the command would measure."""
    record = records.scaling_runs()
    assert sweep.done(record) >= set(sweep.plan())
    assert len(sweep.done(record)) == len(record["runs"])
    expected = {"layers": sweep.LAYERS, "muon_rate": sweep.MUON_RATE, "adam_rate_times_root_width": sweep.ADAM_RATE}
    expected |= sweep.RECIPE
    assert {key: record[key] for key in expected} == expected
    for row in record["runs"]:
        assert (row["parameters"], row["non_embedding"]) == sweep.sizes(row["width"])
        assert row["loss"] > 0
        if row["distinct"] is None:  # else a model may know its text by heart and be worse than a guess
            assert row["loss"] < np.log(256)
            assert row["tokens"] < record["train_bytes"]  # less than one pass


def test_the_law_that_other_chapters_spend_is_that_of_the_runs():
    """Reference: a fit to the shipped runs, here and now; losses are compared, for coefficients move together."""
    record = records.scaling_law()
    rows = [run for run in records.scaling_runs()["runs"] if run["study"] == "grid" and run["width"] > 16]
    n, d, seen = (np.array([run[key] for run in rows]) for key in ("parameters", "tokens", "loss"))
    law, several = (record[key] for key in scaling.Law._fields), np.array(record["bootstrap"])
    assert scaling.loss(n, d, *law) == pytest.approx(scaling.loss(n, d, *scaling.fit(n, d, seen)), rel=1e-4)
    assert record["runs"] == len(rows)
    assert (record["parameters"], record["bytes"]) == ([n.min(), n.max()], [d.min(), d.max()])
    assert several.shape == (200, 5)
    again = scaling.bootstrap(n, d, seen, repeats=5)
    for old, new in zip(several, again):  # the same draws
        assert scaling.loss(n, d, *old) == pytest.approx(scaling.loss(n, d, *new), rel=1e-3)
