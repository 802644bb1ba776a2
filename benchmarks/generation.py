"""Generation: our loop with its cache, the same loop without, and `generate` of `transformers`, on the same weights.

    python benchmarks/generation.py [--repeats 3] [--tokens 500] [--threads 1]

One prompt, 500 new characters, float32 on the CPU, the size of the published small recipe (4 layers, width 128).
The three alternate, in one run; printed are each one's median and range, and the two ratios that the targets name:
12 times the uncached loop, 3 times `transformers`. Times are the processor's, which with one thread is the wall's on a
quiet machine. Speed does not depend on what the weights are, so they are random;
that all three write the same greedy text is checked first.
"""

import argparse
import statistics
import time

import torch

from advantage.textgen import sampling
from advantage.textgen.export import to_transformers
from advantage.textgen.gpt import GPT

TARGETS = {"ours, no cache": 12.0, "transformers": 3.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = GPT(vocab_size=65, context=options.tokens + 12, num_layers=4, d_model=128, num_heads=4).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.08)
    prompt = torch.zeros(1, 1, dtype=torch.long)
    theirs = to_transformers(model)

    def hugging_face(tokens: int, **settings) -> list[int]:
        output = theirs.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            pad_token_id=0,
            **settings,
        )
        return output[0, 1:].tolist()

    greedy = sampling.generate(model, [[0]], 60, temperature=0)[0]
    assert (
        greedy
        == sampling.generate(model, [[0]], 60, temperature=0, cache=False)[0]
        == hugging_face(60, do_sample=False)
    )

    runs = {
        "ours, cached": lambda: sampling.generate(model, [[0]], options.tokens),
        "ours, no cache": lambda: sampling.generate(model, [[0]], options.tokens, cache=False),
        "transformers": lambda: hugging_face(options.tokens, do_sample=True, top_k=0),
    }
    seconds = {name: [] for name in runs}
    for _ in range(options.repeats):
        for name, run in runs.items():
            started = time.process_time()
            run()
            seconds[name].append(time.process_time() - started)
    print(
        f"torch {torch.__version__}, {options.threads} thread(s), "
        f"{options.tokens} new characters, {options.repeats} runs each"
    )
    for name, times in seconds.items():
        median = statistics.median(times)
        spread = f"({min(times):.2f}–{max(times):.2f})"
        print(f"{name:<15} {median:6.2f} s {spread}, {options.tokens / median:6.0f} characters/s")
    ours = statistics.median(seconds["ours, cached"])
    for name, target in TARGETS.items():
        ratio = statistics.median(seconds[name]) / ours
        met = "met" if ratio >= target else "MISSED"
        print(f"{name} takes {ratio:.2f} times as long as ours, cached: target {target}, {met}")


if __name__ == "__main__":
    main()
