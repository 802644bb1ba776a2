"""How fast a machine multiplies and how fast it moves numbers: the two speeds that the roofline is made of."""

import time
from collections.abc import Callable

import torch


def best_seconds(function: Callable[[], object], device: str = "cpu", budget: float = 0.5) -> float:
    """Least time of one call, over as many calls as fit into the budget (three at least), after one to warm up.

    The least, because everything else that a machine does can only make a call slower.

    Args:
        function: what to time; called without arguments.
        device: `cpu` or `cuda`; a GPU is waited for.
        budget: seconds to spend.

    Raises:
        ValueError: `budget` is not positive.
    """
    if not budget > 0:
        raise ValueError(f"budget: {budget!r}; must be a positive number of seconds")
    best, calls, end = float("inf"), 0, time.perf_counter() + budget
    while calls < 4 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        if device == "cuda":
            torch.cuda.synchronize()
        if calls:
            best = min(best, time.perf_counter() - start)
        calls += 1
    return best


def matmul_gflops(n: int, dtype: torch.dtype = torch.float32, device: str = "cpu", budget: float = 0.5) -> float:
    """Billions of operations per second in the product of two n × n matrices, which takes 2 n³ of them."""
    if n < 1:
        raise ValueError(f"n: {n!r}; must be 1 or more")
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    return 2 * n**3 / best_seconds(lambda: a @ b, device, budget) / 1e9


def memory_gbytes_per_second(megabytes: int = 256, device: str = "cpu", budget: float = 0.5) -> float:
    """Billions of bytes per second read and written while copying an array much larger than the caches."""
    if megabytes < 1:
        raise ValueError(f"megabytes: {megabytes!r}; must be 1 or more")
    source = torch.ones(megabytes * 2**18, device=device)  # four bytes each
    target = torch.empty_like(source)
    return 2 * source.nbytes / best_seconds(lambda: target.copy_(source), device, budget) / 1e9
