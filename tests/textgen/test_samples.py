"""The record of samples holds together, and a few samples drawn anew agree with it."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from advantage import records
from advantage.textgen import inkwell, sampling

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def samples(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("samples")


def test_the_record_says_where_it_comes_from(samples):
    """CONTRIBUTING: machine, torch, date; and the settings are the benchmark's."""
    record = records.samples()
    assert {"machine", "torch", "date", "model"} <= set(record)
    assert tuple(record["beginnings"]) == samples.BEGINNINGS
    assert record["tokens"] == samples.TOKENS
    assert list(record["temperatures"]) == [str(t) for t in samples.TEMPERATURES]
    assert list(record["rules"]) == list(samples.RULES)
    assert list(record["penalties"]) == [str(p) for p in samples.PENALTIES]


def test_the_record_s_numbers_are_possible():
    """By hand: shares lie between 0 and 1, nothing is delivered that was not drawn, every sample has a longest copy."""
    record = records.samples()
    beginnings, rows = len(record["beginnings"]), record["rows"]
    for part in ("temperatures", "rules", "penalties"):
        for one in record[part].values():
            assert {len(one[key]) for key in ("parse_rate", "surprise", "variety")} == {beginnings}
            assert all(0 <= x <= 1 for key in ("parse_rate", "variety") for x in one[key])
            assert all(0 < bits < 11 for bits in one["surprise"])  # log2 of the vocabulary
            assert all((x * rows).is_integer() for x in one["parse_rate"])
            assert one["copies"] == sorted(one["copies"])
            assert len(one["copies"]) == beginnings * rows
    assert len(record["people"]["copies"]) == record["people"]["passages"] >= 30
    for way, answers in [(way, a) for each in record["answers"].values() for way, a in each.items()]:
        assert len(answers) == beginnings * rows // (1 if way == "free" else 4)
        closed = 0 if way == "free" else 4  # tokens of a closing quote or a `pass`, which are added and not drawn
        assert all(0 <= kept <= drawn + closed for drawn, kept in answers), way
    assert len(record["loops"]["0.0"]) == len(record["loops"]["0.8"]) >= 20
    assert {len(rows) for rows in record["beams"].values()} == {beginnings}


@pytest.mark.parametrize(
    ("text", "line", "fine"),
    [
        ("", False, False),
        ("x x x x", False, False),  # noise without a line end has no error in its whole lines
        ("():\n", False, False),  # ends a line that the beginning began
        ("():\n\n\n", False, False),
        ("():\n    pass\n", True, True),
        ("():\n    return (1 +\n", True, True),  # goes on in the next line
        ("():\n    pass\n  x x", True, True),  # the last line is not whole
        ("():\npass\n", True, False),
        (" )(\n    pass\n", True, False),
    ],
)
def test_a_sample_is_fine_with_a_line_of_its_own(samples, text, line, fine):
    """By hand: a line that the model began and ended, and Python's rules for a function's body."""
    assert samples.has_line(text) == line
    assert samples.fine("def main", text) == fine


def test_samples_drawn_anew_agree(samples):
    """Reference: the record itself; one sample after each beginning, whose mean moves by a third of a bit or less."""
    record, (model, tokenizer) = records.samples(), inkwell.load()
    starts = [tokenizer.encode(beginning).tolist() for beginning in samples.BEGINNINGS]
    rows = sampling.generate(model, starts, samples.TOKENS, temperature=0.5, seed=7)
    bits = [samples.surprise(model, tokenizer, b, [row]) for b, row in zip(samples.BEGINNINGS, rows, strict=True)]
    recorded = {t: np.mean(record["temperatures"][t]["surprise"]) for t in ("0.3", "0.5", "0.8")}
    assert np.mean(bits) == pytest.approx(recorded["0.5"], abs=0.6)
    assert recorded["0.8"] - recorded["0.5"] > 0.6  # a sampler that is too hot leaves the band
