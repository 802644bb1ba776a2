"""Load a server as clients do: so many at a time, each sends its next request when the last one is answered."""

import asyncio
import itertools
import time
from typing import Any

import httpx
import numpy as np


async def request(client: httpx.AsyncClient, body: dict[str, Any]) -> tuple[float, list[float], int]:
    """When a request was sent, when each piece of its answer came, and how many tokens it says were written."""
    begun, pieces, written = time.perf_counter(), [], 0
    async with client.stream("POST", "completions", json=body | {"stream": True}) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if '"completion_tokens":' in line:
                written = int(line.split('"completion_tokens":')[1].split(",")[0])
            elif line.startswith("data: "):
                pieces.append(time.perf_counter())
    return begun, pieces, written


async def load(url: str, body: dict[str, Any], prompts: list[str], clients: int) -> dict[str, Any]:
    """Send `body` with each of the prompts, from so many clients at a time.

    Returns:
        Counts, clock times in milliseconds (median and 95th percentile), the server's processor seconds, and `log`: a
        row for each step of the server, (tokens computed, texts written for, pairs of query and key, processor ms).
    """
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url + "/", trust_env=False, timeout=None, limits=limits) as client:
        waiting, answers = iter(prompts), []

        async def counts() -> dict[str, float]:
            lines = (await client.get("../metrics")).text.splitlines()
            return {key: float(value) for key, value in map(str.split, lines)}

        async def work() -> None:
            for prompt in waiting:
                answers.append(await request(client, body | {"prompt": prompt}))

        before, begun = await counts(), time.perf_counter()
        await asyncio.gather(*(work() for _ in range(clients)))
        wall, after = time.perf_counter() - begun, await counts()
        log = np.array((await client.get(f"../steps?since={int(before['steps'])}")).json())
    first = [1e3 * (pieces[0] - sent) for sent, pieces, _ in answers if pieces]
    gaps = [1e3 * (b - a) for _, pieces, _ in answers for a, b in itertools.pairwise(pieces)]
    return {
        "clients": clients,
        "steps": len(log),
        "tokens": int(log[:, 0].sum()),
        "written": sum(written for _, _, written in answers),
        "clock_seconds": wall,
        "processor_seconds": after["processor_seconds"] - before["processor_seconds"],
        "first_ms": [float(np.percentile(first, q)) for q in (50, 95)],
        "between_ms": [float(np.percentile(gaps, q)) for q in (50, 95)] if gaps else [],
        "log": np.column_stack([log[:-1, :3], np.diff(log[:, 3])]),  # of the last step the end is not known
    }


def law(log: np.ndarray) -> np.ndarray:
    """(a, b, c, d, e): a step takes a + b · texts + c · tokens of prompts + d · 10⁶ pairs + e · 10³ keys milliseconds.

    Keys are those that the cache holds for the texts in the step; pairs, of a query and a key, are tokens · keys.
    Least squares of relative errors over the steps of a log.
    """
    return np.linalg.lstsq(terms(log) / log[:, 3:], np.ones(len(log)), rcond=None)[0]


def terms(log: np.ndarray) -> np.ndarray:
    """(steps, 5): what the constants of `law` multiply, for steps (tokens, texts, pairs, …)."""
    tokens, texts, pairs = log[:, :3].T
    return np.column_stack([np.ones(len(log)), texts, tokens - texts, pairs / 1e6, pairs / tokens / 1e3])
