"""What compression costs: fewer bits, fewer weights, a taught student; bytes, quality and speed of each.

    python benchmarks/compress.py [--runs compress.jsonl] [--models FOLDER] [--record FILE] [--ledger]

`students`: the student has 3 layers of width 96, a quarter of the teacher's parameters. Taught by Inkwell's model or
alone, it reads the same windows of the same training files; both learning rates are searched by one rule for each
(`compass` in runs.py, factors of 2, seed 100, SEARCH_STEPS steps, half of the held-out files) and judged with seeds 0
to 2 on the other half, at SEARCH_STEPS and at STEPS steps (`short`: at the former alone). A taught step also pays for
the teacher's forward pass: "equal cost" gives the student alone as many more steps as that comes to, in processor
seconds of a step, measured once, the two in turn.
`compressed`: Inkwell's model with fewer bits, with weights set to zero, with MLP units taken out. `heal`: half of the
units out, then HEAL_STEPS steps of distillation, whose rate is searched on the first half too.
`small`: the same of the students of seed 0, of which --models keeps the weights.
`speed`: tokens drawn per processor second, models in turn. The record is src/advantage/data/compression.json.
Quality is bits per byte of PARTS parts of equal length, every second one of the judging half, and after each of the
beginnings of samples.py the share of samples that have a whole line of their own and no syntax error (`parse_rate`), of
those that have such a line (`with_a_line`), and of those of which some lines, from the first on, parse with their
beginning as they stand (`usable`): of ROWS samples, of CLOSER_ROWS for the models of CLOSER. A run is a line of the
file of runs; what stands there is not done again. One thread; about an hour of processor time.
"""

import argparse
import functools
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from runs import Runs, compass, write
from safetensors.torch import load_file
from safetensors.torch import save as bytes_of
from samples import BEGINNINGS, cut_back, draw, fine, has_line

from advantage import files, ledger
from advantage.textgen import compress, corpus, inkwell, sampling, training
from advantage.textgen.distil import distil
from advantage.textgen.gpt import GPT
from advantage.textgen.interface import put_weights, weights

STUDENT = {"context": 512, "num_layers": 3, "d_model": 96, "num_heads": 3}
BATCH, CONTEXT = 4, 256
SEARCH_STEPS, STEPS, HEAL_STEPS = 200, 1000, 60
SEARCH_SEED, SEEDS = 100, range(3)
START = (0.016, 0.016)  # where both walks over (matrices' rate, tables' rate) begin
HEAL_START = 0.004  # of the matrices; the tables' rate is half of it
PARTS = 16
ROWS, CLOSER_ROWS, TEMPERATURE = 16, 64, 0.8
CLOSER = ("Inkwell", "8 bits, channel", "4 bits, 32", "student taught")  # what a founder chooses among
BITS = {f"{bits} bits, {per}": (bits, per) for bits in (8, 4, 2) for per in ("tensor", "channel", 32)}
ZEROS = (0.3, 0.5, 0.7)
UNITS = (0.9, 0.75, 0.5)
ALL = ["compressed", "students", "small", "heal", "speed"]
LEDGER = {"16_bits": "Inkwell", "8_bits": "8 bits, channel", "4_bits": "4 bits, 32"}  # what strategy spends


class Bench:
    def __init__(self, runs: Runs, models: Path) -> None:
        self.runs, self.models = runs, models
        self.teacher, self.tokenizer = inkwell.load()
        train_files, held_out = corpus.split(corpus.documents())
        self.tokens = self.tokenizer.encode(corpus.join(train_files))
        self.halves = {
            name: (self.tokenizer.encode(text), len(text.encode()))
            for name, text in (("search", corpus.join(held_out[::2])), ("judge", corpus.join(held_out[1::2])))
        }

    def bits_per_byte(self, model: torch.nn.Module, half: str) -> float:
        """Of one half of the held-out files; of 60,000 of its tokens where rates are only ranked."""
        tokens, _ = self.halves[half]
        return self.score(model, tokens[:60_000] if half == "search" else tokens, half)

    def score(self, model: torch.nn.Module, tokens: np.ndarray, half: str) -> float:
        whole, size = self.halves[half]
        return round(training.evaluate(model, tokens, CONTEXT) * len(whole) / math.log(2) / size, 5)

    # ------------------------------------------------------------ the students

    def fresh(self, seed: int) -> GPT:
        torch.manual_seed(seed)
        return GPT(self.tokenizer.vocab_size, **STUDENT)

    def file(self, taught: bool, steps: int) -> Path:
        return self.models / f"{'taught' if taught else 'alone'} {steps}.safetensors"

    def bits(self, study: str, taught: bool, rates: tuple[float, float], steps: int, seed: int) -> float:
        what = {"study": study, "taught": taught, "rates": list(rates), "steps": steps, "seed": seed}

        def run() -> dict:
            student = self.fresh(seed)
            teacher = self.teacher if taught else None
            options = {"batch": BATCH, "context": CONTEXT, "muon_rate": rates[0], "adam_rate": rates[1], "seed": seed}
            distil(student, self.tokens, steps, teacher, **options)
            if seed == SEEDS[0]:
                with files.whole(self.file(taught, steps), "wb") as file:
                    file.write(bytes_of({name: weight.half() for name, weight in weights(student).items()}))
            half = "search" if seed >= SEARCH_SEED else "judge"
            return {"bits_per_byte": self.bits_per_byte(student, half)}

        return self.runs.once(what, run)["bits_per_byte"]

    def best(self, taught: bool) -> tuple[float, float]:
        return compass(
            lambda rates: self.bits("search", taught, rates, SEARCH_STEPS, SEARCH_SEED), START, strides=(2.0,)
        )

    def step_ms(self, laps: int = 14) -> dict[str, float]:
        """Processor milliseconds of a step: the median over laps in which both take turns."""
        seconds: dict[str, list[float]] = {"alone": [], "taught": []}
        for lap in range(laps):
            for name, teacher in (("alone", None), ("taught", self.teacher)):
                begin = time.process_time()
                distil(self.fresh(0), self.tokens, 4, teacher, batch=BATCH, context=CONTEXT, seed=lap)
                seconds[name].append((time.process_time() - begin) / 4)
        return {name: round(1e3 * statistics.median(some[1:]), 2) for name, some in seconds.items()}

    def costs(self) -> dict[str, float]:
        return self.runs.once({"study": "costs"}, lambda: {"ms": self.step_ms()})["ms"]

    def students(self, budgets: tuple[int, ...] = (SEARCH_STEPS, STEPS)) -> None:
        ms, best = self.costs(), {taught: self.best(taught) for taught in (False, True)}
        for steps in budgets:
            for seed in SEEDS:
                for taught in (False, True):
                    self.bits("equal text", taught, best[taught], steps, seed)
            for seed in SEEDS:
                self.bits("equal cost", False, best[False], round(steps * ms["taught"] / ms["alone"]), seed)

    def short(self) -> None:
        self.students((SEARCH_STEPS,))

    def student(self, taught: bool) -> GPT:
        """Of the first seed, as its file has it."""
        model, found = self.fresh(0), load_file(self.file(taught, STEPS))
        put_weights(model, {name: weight.float() for name, weight in found.items()})
        return model.eval()

    # ------------------------------------------------------- Inkwell's model

    def pruned(self, keep: float) -> GPT:
        calibration = torch.from_numpy(self.tokens[: 32 * CONTEXT].astype(np.int64)).view(32, CONTEXT)
        return compress.prune_units(self.teacher, keep, calibration)

    def healed(self, keep: float) -> GPT:
        """The model without some of its units, taught for a while by the whole one."""

        def run(rate: float, seed: int) -> GPT:
            model, rates = self.pruned(keep), {"muon_rate": rate, "adam_rate": rate / 2}
            distil(model, self.tokens, HEAL_STEPS, self.teacher, batch=BATCH, context=CONTEXT, seed=seed, **rates)
            return model.eval()

        def score(pair: tuple[float, float]) -> float:
            what = {"study": "search to heal", "keep": keep, "rate": pair[0], "steps": HEAL_STEPS, "seed": SEARCH_SEED}
            figure = self.runs.once(
                what, lambda: {"bits_per_byte": self.bits_per_byte(run(pair[0], SEARCH_SEED), "search")}
            )
            return figure["bits_per_byte"]

        return run(compass(score, (HEAL_START, 0.0), both=False, strides=(2.0,))[0], SEEDS[0])

    def quality(self, name: str, build: Callable[[], GPT], sparse: bool = False) -> None:
        """Bytes, bits per byte and samples; the last two of the same weights in 32 bits, which is faster."""

        def bits() -> dict:
            model = build()
            plain, pieces = compress.unpacked(model), np.array_split(self.halves["judge"][0], 2 * PARTS)[::2]
            found = [self.score(plain, piece, "judge") for piece in pieces]
            parameters = sum(weight.numel() for weight in plain.parameters())
            return {"bytes": compress.stored_bytes(model, sparse), "parameters": parameters, "bits_per_byte": found}

        def samples() -> dict:
            drawn = draw(compress.unpacked(build()), self.tokenizer, rows, 0, temperature=TEMPERATURE)
            texts = {beginning: [self.tokenizer.decode(row) for row in some] for beginning, some in drawn.items()}
            return {
                "parse_rate": [float(np.mean([fine(start, text) for text in some])) for start, some in texts.items()],
                "with_a_line": [float(np.mean([has_line(text) for text in some])) for some in texts.values()],
                "usable": [float(np.mean([bool(cut_back(start, t)) for t in some])) for start, some in texts.items()],
            }

        rows = CLOSER_ROWS if name in CLOSER else ROWS
        self.runs.once({"study": "quality", "name": name}, bits)
        self.runs.once({"study": "samples", "name": name, "rows": rows}, samples)

    def compressed(self) -> None:
        self.quality("Inkwell", lambda: self.teacher)
        for name, (bits, per) in BITS.items():
            self.quality(name, lambda bits=bits, per=per: compress.packed(self.teacher, bits, per))
        for share in ZEROS:
            self.quality(f"{share:.0%} zeros", lambda share=share: compress.prune(self.teacher, share), sparse=True)
        for keep in UNITS:
            self.quality(f"{keep:.0%} of the units", lambda keep=keep: self.pruned(keep))

    def heal(self) -> None:
        self.quality("50% of the units, healed", functools.cache(lambda: self.healed(0.5)))

    def small(self) -> None:
        self.quality("student alone", lambda: self.student(False))
        self.quality("student taught", lambda: self.student(True))
        for name in ("8 bits, channel", "4 bits, 32"):
            self.quality(f"student taught, {name}", lambda name=name: compress.packed(self.student(True), *BITS[name]))

    def speed(self, laps: int = 7, length: int = 64) -> None:
        """Tokens per processor second, 1 and 32 texts at once: the median over laps in which the models take turns."""
        models = {
            "Inkwell": self.teacher,
            "8 bits, channel": compress.packed(self.teacher, *BITS["8 bits, channel"]),
            "4 bits, 32": compress.packed(self.teacher, *BITS["4 bits, 32"]),
            "50% zeros": compress.prune(self.teacher, 0.5),
            "50% of the units": self.pruned(0.5),
            "student taught": self.student(True),
        }

        def run() -> dict:
            seconds: dict[str, dict[str, list[float]]] = {name: {"1": [], "32": []} for name in models}
            for _ in range(laps):
                for name, model in models.items():
                    for texts in ("1", "32"):
                        begin = time.process_time()
                        sampling.generate(model, [[0]] * int(texts), length)
                        seconds[name][texts].append(time.process_time() - begin)
            return {
                "tokens_per_second": {
                    name: {n: round(int(n) * length / statistics.median(some), 1) for n, some in both.items()}
                    for name, both in seconds.items()
                },
                "repeats": laps,
            }

        self.runs.once({"study": "speed"}, run)


def record(rows: list[dict]) -> dict:
    """What the package ships: every run."""
    result: dict = {"beginnings": list(BEGINNINGS), "temperature": TEMPERATURE, "student": STUDENT}
    result |= {"steps": {"search": SEARCH_STEPS, "judged": STEPS, "heal": HEAL_STEPS}, "tokens_a_step": BATCH * CONTEXT}
    for row in rows:
        what = row["what"]
        figures = {key: value for key, value in row.items() if key not in ("what", "processor_seconds")}
        if what["study"] == "costs":
            result["step_ms"] = figures["ms"]
        elif what["study"] == "speed":
            result["speed"] = figures
        elif what["study"] in ("quality", "samples"):
            more = {"rows": what["rows"]} if "rows" in what else {}
            result.setdefault("quality", {}).setdefault(what["name"], {}).update(figures | more)
        elif what["study"] == "search to heal":
            result.setdefault("healing", []).append([what["keep"], what["rate"], figures["bits_per_byte"]])
        else:
            name = f"{what['study']}, {'taught' if what['taught'] else 'alone'}"
            run = [*what["rates"], what["steps"], what["seed"], figures["bits_per_byte"]]
            result.setdefault("students", {}).setdefault(name, []).append(run)
    return result


def to_ledger(found: dict) -> None:
    """Bytes, quality and speed of the models in LEDGER as your own measurements, today's and this machine's."""
    for label, name in LEDGER.items():
        row, speed = found["quality"][name], found["speed"]["tokens_per_second"][name]
        bits = row["bits_per_byte"]
        ledger.record(f"textgen.compress.bytes_{label}", row["bytes"], "byte")
        ledger.record(f"textgen.compress.bits_per_byte_{label}", statistics.mean(bits), "bit/byte", repeats=len(bits))
        for texts, suffix in (("1", ""), ("32", "_batch_32")):
            entry = f"textgen.compress.sample_tokens_per_second_{label}{suffix}"
            ledger.record(entry, speed[texts], "token/s", repeats=found["speed"]["repeats"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("compress.jsonl"))
    parser.add_argument("--models", type=Path, default=Path("."))
    parser.add_argument("--only", nargs="*", choices=[*ALL, "short"], default=ALL)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--ledger", action="store_true", help="put bytes, quality and speed into your ledger too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.models.mkdir(parents=True, exist_ok=True)
    bench = Bench(Runs(options.runs), options.models)
    for part in options.only:
        getattr(bench, part)()
    if options.record:
        what = (
            "bytes, bits per byte of held-out files (by part) and parse rate (by beginning) of compressed models; "
            "students' columns: matrices' rate, tables' rate, steps, seed, bits per byte"
        )
        write(options.record, bench.runs, what, record(bench.runs.rows))
    if options.ledger:
        to_ledger(record(bench.runs.rows))


if __name__ == "__main__":
    main()
