"""The command line: what it prints, what it leaves behind, and how it fails."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from advantage.textgen import corpus, storage, training
from advantage.textgen.__main__ import main
from advantage.textgen.gpt import GPT

TEXT = "the quick brown fox jumps over the lazy dog\n" * 60
SMALL = ["--layers=1", "--width=16", "--heads=1", "--context=16", "--batch=4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A corpus, text.txt, and a model trained on it, model/."""
    there = tmp_path_factory.mktemp("command")
    (there / "text.txt").write_text(TEXT)
    arguments = ["--corpus", str(there / "text.txt"), "--out", str(there / "model"), "--budget-tokens", "12800"]
    assert main(["train", *arguments, *SMALL]) == 0
    return there


def train(folder, out, *more):
    return main(["train", "--corpus", str(folder / "text.txt"), "--out", str(folder / out), *SMALL, *more])


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
@pytest.mark.parametrize("model", ["gpt", "lstm"])
def test_train_ends_with_the_line_that_was_promised(folder, capsys, kind, model):
    """Reference: the specification's form of the line; loss over every token of the last tenth, computed here."""
    out = f"{kind}-{model}"
    options = ["--vocab-size", "270"] if kind == "bpe" else []
    assert train(folder, out, "--tokenizer", kind, "--model", model, "--budget-tokens", "1280", *options) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    found = re.fullmatch(r"val_loss (\d+\.\d+) seconds \d+\.\d tokens 1280 steps 20", last)
    assert found, last
    trained, tokenizer, facts = storage.load(folder / out)
    held_out = corpus.join(corpus.split(corpus.documents(folder / "text.txt"))[1])
    assert held_out == TEXT[-len(held_out) :]
    assert len(held_out) == pytest.approx(len(TEXT) / 10, abs=1)
    loss = training.evaluate(trained, tokenizer.encode(held_out), 16)
    assert float(found[1]) == pytest.approx(loss, abs=1e-4)
    assert facts["val_loss"] == pytest.approx(loss, abs=1e-4)


def test_bits_per_byte_are_those_of_the_text(folder):
    """Reference: nats of the whole held-out text over ln 2 and its bytes."""
    facts = json.loads((folder / "model" / "model.json").read_text())
    held_out = corpus.join(corpus.split(corpus.documents(folder / "text.txt"))[1])
    nats = facts["val_loss"] * (len(held_out) - 1)
    assert facts["bits_per_byte"] == pytest.approx(nats / np.log(2) / len(held_out.encode()))
    assert facts["seed"] == 0
    assert facts["corpus_sha256"] == corpus.sha256(corpus.documents(folder / "text.txt"))


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_a_corpus_too_large_for_memory_is_streamed(folder, monkeypatch, kind):
    """Reference: the same file held in memory, which one file's split makes the same two texts of."""
    options = ["--tokenizer", kind, "--budget-tokens", "640", *(["--vocab-size", "270"] if kind == "bpe" else [])]
    assert train(folder, f"held-{kind}", *options) == 0
    monkeypatch.setattr("advantage.textgen.__main__.LARGE", 100)
    monkeypatch.setattr(corpus, "documents", lambda *_: pytest.fail("the corpus was read into memory"))
    for _ in range(2):  # again into the same folder: the tokens are written anew
        assert train(folder, f"streamed-{kind}", *options) == 0
    held, streamed = (json.loads((folder / f"{way}-{kind}" / "model.json").read_text()) for way in ("held", "streamed"))
    assert [streamed[key] for key in ("val_loss", "bits_per_byte", "tokenizer")] == [
        held[key] for key in ("val_loss", "bits_per_byte", "tokenizer")
    ]
    assert (folder / f"streamed-{kind}" / "tokens" / "train.bin").exists()


def test_the_seed_decides_the_weights(folder):
    """Reference: the same command, run again."""
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        assert train(folder, name, "--budget-tokens", "640", "--seed", str(seed)) == 0
    one, again, other = (
        torch.cat([p.flatten() for p in storage.load(folder / name)[0].parameters()])
        for name in ("one", "again", "other")
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("option", [["--muon-rate", "0"], ["--adam-rate", "0"], ["--bfloat16"]])
def test_rates_and_precision_reach_the_optimiser(folder, option):
    """Reference: a rate of zero moves nothing that it trains; 16 bits change the last digits, not the loss."""
    for name, more in (("plain", []), ("with-option", option)):
        assert train(folder, name + option[0], "--budget-tokens", "1280", *more) == 0
    plain, changed = (storage.load(folder / (name + option[0])) for name in ("plain", "with-option"))
    torch.manual_seed(0)
    fresh = dict(GPT(**{k: v for k, v in plain[2]["settings"].items() if k != "model"}).named_parameters())
    matrices, tables = (
        [
            torch.equal(p, fresh[name])
            for name, p in changed[0].named_parameters()
            if name.startswith("blocks") == inside
        ]
        for inside in (True, False)
    )
    assert all(matrices) == (option[0] != "--bfloat16")  # behind a head that stays at zero no gradient reaches them
    assert all(tables) == (option[0] == "--adam-rate")
    if option == ["--bfloat16"]:
        assert plain[2]["val_loss"] != changed[2]["val_loss"]
        assert changed[2]["val_loss"] == pytest.approx(plain[2]["val_loss"], rel=0.02)


def test_half_precision_halves_the_file(folder):
    """Reference: the file's size; the weights agree to float16's eleven bits."""
    assert train(folder, "half", "--budget-tokens", "12800", "--float16") == 0
    whole, half = (folder / name / "model.safetensors" for name in ("model", "half"))
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    pairs = zip(storage.load(folder / "model")[0].parameters(), storage.load(folder / "half")[0].parameters())
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in pairs)


@pytest.mark.parametrize("prompt", ["the q", "", "the quick brown fox jumps over the lazy dog"])
def test_sample_continues_the_prompt(folder, capsys, prompt):
    """Reference: the prompt itself, and the same seed again; the last prompt is longer than the context."""
    arguments = ["sample", "--model", str(folder / "model"), "--prompt", prompt, "--tokens", "20", "--seed", "5"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert main(arguments) == 0
    assert capsys.readouterr().out == first
    assert first.startswith(prompt)
    assert len(first) == len(prompt) + 20 + 1  # a character a token, and the end of the line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--corpus", "missing.txt", "--out", "o", "--budget-tokens", "640"], "missing.txt"),
        (["train", "--corpus", "{text}", "--out", "o", "--budget-tokens", "0"], "budget"),
        (["train", "--corpus", "{text}", "--out", "o", "--budget-tokens", "640", "--heads", "3"], "num_heads"),
        (["train", "--corpus", "{empty}", "--out", "o", "--budget-tokens", "640"], "empty.txt"),
        (["sample", "--model", "nowhere"], "nowhere"),
        (["sample", "--model", "{model}", "--temperature", "-1"], "temperature"),
    ],
)
def test_faults_are_named_without_a_traceback(folder, capsys, monkeypatch, tmp_path, arguments, message):
    """Reference: the help's exit codes: 1 where the input is at fault."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("")
    places = {"text": folder / "text.txt", "empty": tmp_path / "empty.txt", "model": folder / "model"}
    assert main([argument.format(**places) for argument in arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize("arguments", [[], ["train"], ["train", "--out", "o"], ["train", "--model", "rnn"], ["fly"]])
def test_a_wrong_command_line_exits_with_2(arguments, capsys):
    """Reference: the help's exit codes."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_help_has_examples():
    """Reference: the specification; as its own process, which must not wait for torch."""
    command = [sys.executable, "-X", "importtime", "-m", "advantage.textgen", "train", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--budget-seconds 60" in shown.stdout
    assert not re.search(r"\| +torch$", shown.stderr, re.M)


def test_another_corpus_into_the_same_folder_is_refused(folder, capsys, monkeypatch):
    """Reference: the files of the first run, byte for byte; in memory and streamed."""
    (folder / "other.txt").write_text(TEXT.replace("quick", "kciuq"))
    options = ["--budget-tokens", "640"]
    for out in ("mine", "mine-streamed"):
        assert train(folder, out, *options) == 0
        before = {file: file.read_bytes() for file in (folder / out).rglob("*") if file.is_file()}
        assert main(["train", "--corpus", str(folder / "other.txt"), "--out", str(folder / out), *SMALL, *options]) == 1
        error = capsys.readouterr().err
        assert "holds another run" in error
        assert "corpus_sha256" in error
        assert before == {file: file.read_bytes() for file in (folder / out).rglob("*") if file.is_file()}
        assert train(folder, out, *options, "--seed", "9") == 1
        assert "seed 0 there, 9 here" in capsys.readouterr().err
        assert train(folder, out, *options, "--batch", "8") == 1
        assert "batch 4 there, 8 here" in capsys.readouterr().err
        assert train(folder, out, *options) == 0
        monkeypatch.setattr("advantage.textgen.__main__.LARGE", 100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget-seconds", "1e-6"], "over before the first step"),
        (["--budget-seconds", "nan"], "budget_seconds: nan"),
        (["--budget-tokens", "-5"], "budget_tokens: -5"),
        (["--budget-tokens", "640", "--seed", "-1"], "seed: -1"),
        (["--budget-tokens", "640", "--context", "0"], "context: 0"),
        (["--budget-tokens", "640", "--batch", "0"], "batch: 0"),
        (["--budget-tokens", "640", "--num-layers", "0"], "num_layers: 0"),
        (["--budget-tokens", "640", "--muon-rate", "-1"], "muon_rate: -1"),
        (["--budget-tokens", "640", "--adam-rate", "nan"], "adam_rate: nan"),
        (["--budget-tokens", "640", "--checkpoint-seconds", "nan"], "checkpoint_seconds: nan"),
        (["--budget-tokens", "640", "--tokenizer", "bpe", "--vocab-size", "5"], "vocab_size: 5"),
    ],
)
def test_numbers_that_cannot_be_are_named_and_leave_no_model(folder, capsys, tmp_path, options, message):
    """Reference: the help's exit codes, and the folder."""
    assert main(["train", "--corpus", str(folder / "text.txt"), "--out", str(tmp_path / "m"), *SMALL, *options]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "m" / "model.json").exists()


def test_a_training_that_diverged_leaves_no_model(folder, capsys, monkeypatch):
    """Reference: JSON, which has no NaN."""
    monkeypatch.setattr(training, "evaluate", lambda *_: float("nan"))
    assert train(folder, "diverged", "--budget-tokens", "640") == 1
    assert "training has diverged" in capsys.readouterr().err
    assert not (folder / "diverged" / "model.json").exists()


@pytest.mark.parametrize("large", [1, 1 << 28])
def test_results_inside_the_corpus_are_refused_at_first(folder, capsys, tmp_path, monkeypatch, large):
    """Reference: the listing of the corpus, which stays as it is."""
    monkeypatch.setattr("advantage.textgen.__main__.LARGE", large)
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(TEXT)
    for out in (tmp_path / "m", tmp_path):
        options = ["--corpus", str(tmp_path), "--out", str(out), "--budget-tokens", "640"]
        assert main(["train", *options, *SMALL]) == 1
        assert "lies inside the corpus" in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--parses", "--tokens", "-5"], "max_new_tokens: -5"),
        (["--tokens", "-5"], "max_new_tokens: -5"),
        (["--temperature", "nan"], "temperature: nan"),
        (["--top-k", "0"], "top_k: 0"),
        (["--seed", str(1 << 70)], "seed: "),
        (["--prompt", "é"], "character 0 is 'é'"),
        (["--prompt", "\udcff"], "half of a surrogate pair"),
    ],
)
def test_an_error_stands_alone(folder, capsys, options, message):
    """Reference: nothing on standard output, so that no prompt is glued to the message."""
    assert main(["sample", "--model", str(folder / "model"), *options]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert message in shown.err


def test_an_interrupted_sample_promises_nothing(folder, capsys, monkeypatch):
    """Reference: there is nothing to resume; what was written ends its line."""
    from advantage.textgen import sampling

    def pieces(*_, **__):
        yield "x"
        raise KeyboardInterrupt

    monkeypatch.setattr(sampling, "stream_text", pieces)
    assert main(["sample", "--model", str(folder / "model"), "--prompt", "the"]) == 130
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("thex\n", "interrupted\n")


def test_an_interrupted_training_says_what_is_kept(folder, capsys, monkeypatch):
    """Reference: the folder: before the first checkpoint nothing, later a checkpoint that sampling names."""
    monkeypatch.setattr(corpus, "documents", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert train(folder, "early", "--budget-tokens", "640") == 130
    assert capsys.readouterr().err == "interrupted before the first checkpoint\n"
    monkeypatch.undo()

    def once(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "evaluate", once)
    assert train(folder, "late", "--budget-tokens", "640") == 130
    assert "the same command goes on from the last checkpoint" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(["sample", "--model", str(folder / "late")]) == 1
    assert "stopped after step 10" in capsys.readouterr().err
    assert train(folder, "late", "--budget-tokens", "640") == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals of POSIX")
def test_ctrl_c_while_importing_is_no_traceback(tmp_path):
    """Reference: exit code 130 and one word; a module that interrupts stands for torch."""
    (tmp_path / "torch.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise ImportError\n")
    command = [sys.executable, "-m", "advantage.textgen", "sample", "--model", "inkwell"]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (run.returncode, run.stderr) == (130, "interrupted\n")


def test_text_that_the_terminal_cannot_show_is_escaped():
    """Reference: Python's backslashreplace; standard output as on a redirected Windows."""
    command = [sys.executable, "-m", "advantage.textgen", "sample", "--model", "inkwell", "--prompt", "# 中文"]
    coded = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}
    run = subprocess.run([*command, "--tokens", "2"], capture_output=True, env=coded)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(b"# \\u4e2d\\u6587")


def test_old_and_new_names_of_the_sizes_are_one():
    """Reference: the flags' destinations are the arguments of the models and of train."""
    from advantage.textgen.__main__ import command_line

    start = ["train", "--out", "o", "--budget-tokens", "1"]
    old = command_line().parse_args([*start, "--layers", "3", "--width", "8", "--heads", "1"])
    new = command_line().parse_args([*start, "--num-layers", "3", "--d-model", "8", "--num-heads", "1"])
    assert vars(old) == vars(new)


def test_defaults_stand_in_one_place():
    """Reference: the recipe of train and the command's short preset."""
    from advantage.textgen import presets

    recipe = training.Recipe()
    assert all(getattr(recipe, name) == presets.SHORT[name] for name in ("context", "batch", "muon_rate", "adam_rate"))
    assert presets.choose("cpu", "gpt", 40, None) == presets.SHORT == presets.choose("cpu", "gpt", None, 1_000_000)
    assert presets.choose("cpu", "gpt", 41, None) == presets.LONG == presets.choose("cpu", "gpt", None, 1_000_001)
    assert presets.choose("gpu", "lstm", 1, None) == presets.GPU | {"adam_rate": presets.LSTM_RATE}
