"""Load a server as clients do: so many at a time, each sends its next request when the last one is answered."""

import asyncio
import itertools
import statistics
import time
from typing import Any

import httpx


async def request(client: httpx.AsyncClient, body: dict[str, Any]) -> tuple[float, list[float]]:
    """When a request was sent, and when each piece of its answer came."""
    begun, pieces = time.perf_counter(), []
    async with client.stream("POST", "completions", json=body | {"stream": True}) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: ") and '"finish_reason"' not in line:
                pieces.append(time.perf_counter())
    return begun, pieces


async def metrics(client: httpx.AsyncClient) -> dict[str, float]:
    """The server's own counts: steps, tokens that they read, processor seconds."""
    lines = (await client.get("../metrics")).text.splitlines()
    return {key: float(value) for key, value in map(str.split, lines)}


async def load(url: str, body: dict[str, Any], prompts: list[str], clients: int) -> dict[str, float]:
    """Send `body` with each of the prompts, from so many clients at a time; medians in milliseconds, and rates."""
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url + "/", trust_env=False, timeout=None, limits=limits) as client:
        waiting, answers = iter(prompts), []

        async def work() -> None:
            for prompt in waiting:
                answers.append(await request(client, body | {"prompt": prompt}))

        before, begun = await metrics(client), time.perf_counter()
        await asyncio.gather(*(work() for _ in range(clients)))
        wall, after = time.perf_counter() - begun, await metrics(client)
    counts = {name: after[name] - before[name] for name in ("steps", "tokens", "processor_seconds")}
    written = body["max_tokens"] * len(prompts)
    gaps = [b - a for _, pieces in answers for a, b in itertools.pairwise(pieces)]
    return counts | {
        "clients": clients,
        "written": written,
        "tokens_per_second": written / wall,
        "tokens_per_processor_second": written / counts["processor_seconds"],
        "first_ms": 1e3 * statistics.median(pieces[0] - sent for sent, pieces in answers),
        "between_ms": 1e3 * statistics.median(gaps) if gaps else 0.0,
    }
