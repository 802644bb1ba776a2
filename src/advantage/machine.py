"""How fast a machine multiplies and how fast it moves numbers: the two speeds that the roofline is made of."""

import time
from collections.abc import Callable
from typing import Any

import torch

from advantage import checks


def best_seconds(function: Callable[[], object], device: str | torch.device = "cpu", budget: float = 0.5) -> float:
    """Least time of one call, over as many calls as fit into the budget (three at least), after one to warm up.

    The least, because everything else that a machine does can only make a call slower.

    Args:
        function: what to time; called without arguments.
        device: what the function computes on, such as `cpu`, `cuda:0` or `mps`; an accelerator is waited for.
        budget: seconds to spend.

    Raises:
        ValueError: `budget` is not positive, or `device` is none.
    """
    budget, wait = checks.positive("budget", budget), _waiting_for(device)
    best, calls, end = float("inf"), 0, time.perf_counter() + budget
    while calls < 4 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        wait()
        if calls:
            best = min(best, time.perf_counter() - start)
        calls += 1
    return best


def matmul_gflops(
    n: int, dtype: torch.dtype = torch.float32, device: str | torch.device = "cpu", budget: float = 0.5
) -> float:
    """Billions of operations per second in the product of two n × n matrices, which takes 2 n³ of them."""
    n = checks.whole("n", n, least=1)
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    return 2 * n**3 / best_seconds(lambda: a @ b, device, budget) / 1e9


def memory_gbytes_per_second(megabytes: int = 256, device: str | torch.device = "cpu", budget: float = 0.5) -> float:
    """Billions of bytes per second read and written while copying an array much larger than the caches."""
    megabytes = checks.whole("megabytes", megabytes, least=1)
    source = torch.ones(megabytes * 2**18, device=device)  # four bytes each
    target = torch.empty_like(source)
    return 2 * source.nbytes / best_seconds(lambda: target.copy_(source), device, budget) / 1e9


def _waiting_for(device: str | torch.device) -> Callable[[], object]:
    """What returns once the device has done all it was given; a processor has by then."""
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise checks.wrong("device", device, "a device of PyTorch's, such as 'cpu', 'cuda:0' or 'mps'") from error
    if place.type == "cpu":
        return lambda: None
    library: Any = getattr(torch, place.type, None)
    if not hasattr(library, "synchronize"):
        raise checks.wrong("device", device, "a device that can be waited for, such as 'cpu', 'cuda:0' or 'mps'")
    return library.synchronize if place.index is None or place.type == "mps" else lambda: library.synchronize(place)
