"""The quality of a model's samples: how many parse, free and constrained, and how much of them is copied.

    python benchmarks/samples.py [--model FOLDER] [--samples 200] [--tokens 128]

FOLDER is what `python -m advantage.textgen train --out` wrote; Inkwell's own model unless given. Each sample continues
the start of a Python file. Free: drawn at once; printed is the share in whose whole lines Python's parser finds no
error. Constrained: drawn by `complete_python`, all of which must parse; printed is what that costs, and how much text
is left. Copied: the longest passage of each free sample that stands in the training files of this Python's standard
library, beside the same for passages that people wrote, from the held-out files.
"""

import argparse
import statistics

import numpy as np

from advantage.textgen import corpus, inkwell, memorisation, parsing, sampling, storage

PROMPT = "import os\nimport sys\n\n\ndef "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model")
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=128)
    options = parser.parse_args()
    model, tokenizer = storage.load(options.model)[:2] if options.model else inkwell.load()
    train, validation = corpus.split(corpus.documents())
    train_text = corpus.join(train)
    people = [
        text[text.index("\ndef ") + 5 :] for name, text in validation if name.endswith(".py") and "\ndef " in text
    ]
    people = [tokenizer.decode(tokenizer.encode(text[:4000])[: options.tokens]) for text in people]
    print(f"people: {copied(people, train_text)} ({len(people)} passages of held-out files)")

    passes = 0

    def count(*_) -> None:
        nonlocal passes
        passes += 1

    for temperature in (0.5, 0.8, 1.0):
        settings = {"temperature": temperature, "seed": 1}
        free = []
        for begin in range(0, options.samples, 50):
            rows = min(50, options.samples - begin)
            settings["seed"] = 1 + begin
            free += sampling.complete(model, tokenizer, [PROMPT] * rows, options.tokens, **settings)
        whole = [(PROMPT + text)[: (PROMPT + text).rfind("\n") + 1] for text in free]
        rate = np.mean([parsing.can_begin(text) for text in whole])
        handle, passes, kept, failed = model.register_forward_hook(count), 0, [], 0
        for i in range(options.samples):
            settings["seed"] = 10_000 * i
            try:
                text = parsing.complete_python(model, tokenizer, PROMPT, options.tokens, **settings)
            except parsing.NoContinuation:
                failed += 1
                continue
            assert parsing.parses(PROMPT + text)
            kept.append(len(tokenizer.encode(text)))
        handle.remove()
        print(
            f"temperature {temperature}: free {rate:.1%} without an error; "
            f"constrained {len(kept)} parse, {failed} not found, "
            f"{passes / options.samples / options.tokens:.2f} tokens drawn for each allowed, {np.mean(kept):.0f} kept; "
            f"{copied(free, train_text)}",
            flush=True,
        )


def copied(texts: list[str], source: str) -> str:
    lengths = [len(passage) for passage in memorisation.longest_verbatim(texts, source)]
    return f"longest copy: median {statistics.median(lengths):.0f}, maximum {max(lengths)} characters"


if __name__ == "__main__":
    main()
