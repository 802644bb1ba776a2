"""Training on many devices, on paper: what each holds, what each sends, how long it waits.

All sizes are bytes, all times seconds. N is the number of parameters; d, t and p are the numbers of devices in the
data, tensor and pipeline direction, and their product is the number of devices. Sources: rings, Patarasuk & Yuan 2009
(https://doi.org/10.1016/j.jpdc.2008.09.002); shards, Rajbhandari et al. 2020 (arXiv:1910.02054); pipelines and
tensors, Narayanan et al. 2021 (arXiv:2104.04473).
"""

import math
from typing import NamedTuple

from advantage import checks

PASSES = {"all_reduce": 2, "reduce_scatter": 1, "all_gather": 1}  # times around the ring


class Memory(NamedTuple):
    """Bytes on one device."""

    weights: float
    gradients: float
    state: float  # of the optimiser

    @property
    def total(self) -> float:
        return sum(self)


class Model(NamedTuple):
    """What the plan must know of a Transformer."""

    parameters: float
    layers: int
    width: int


class Cluster(NamedTuple):
    """Equal devices in servers."""

    flops: float  # operations per second that one device is sold with
    link: float  # bytes per second and direction, from a device into its server
    network: float  # the same between servers


class Plan(NamedTuple):
    """Seconds of one step of training, by what they go to, and what follows from them."""

    devices: int
    microbatches: int
    compute: float
    bubble: float  # devices wait for the pipeline to fill and to drain
    tensor: float  # the next three: on the wires, were nothing else done meanwhile
    pipeline: float
    data: float
    hidden: float  # share of the peak put to use, if communication hides behind computing as far as it can
    exposed: float  # the same, if none of it does
    memory: Memory


def ring_bytes(size: float, ranks: int, collective: str = "all_reduce") -> float:
    """Bytes that each rank sends, and receives, around a ring, for a tensor of `size` bytes.

    A ring turns (p − 1) times a pass, with one of p equal parts each time. All-reduce is a reduce-scatter and an
    all-gather.

    Args:
        size: of the whole tensor: what goes into `all_reduce` or `reduce_scatter`, or comes out of `all_gather`.
        ranks: p.
        collective: `all_reduce`, `reduce_scatter` or `all_gather`.

    Raises:
        ValueError: `size` is negative, `ranks` below 1, or the collective none of the three.
    """
    size, ranks = checks.not_negative("size", size), checks.whole("ranks", ranks, 1)
    return PASSES[checks.one_of("collective", collective, PASSES)] * (ranks - 1) / ranks * size


def memory(
    parameters: float, ranks: int, stage: int = 0, weight: float = 2, gradient: float = 2, state: float = 12
) -> Memory:
    """Bytes that one of `ranks` data-parallel devices holds for the model and its optimiser, without activations.

    The defaults are mixed precision with Adam: 16-bit weights and gradients, and in 32 bits a copy of the weights and
    Adam's two averages (Rajbhandari et al. 2020, section 3.1 and figure 1).

    Args:
        parameters: N.
        ranks: devices that share the data.
        stage: 0: each holds everything (DDP); 1: the optimiser's state is sharded; 2: the gradients too; 3: the
            weights too (ZeRO-3, FSDP). What FSDP gathers for a moment comes on top.
        weight: bytes a parameter; `gradient` and `state` likewise.

    Raises:
        ValueError: a number is negative, `ranks` below 1, or `stage` none of 0 … 3.
    """
    n, ranks = checks.not_negative("parameters", parameters), checks.whole("ranks", ranks, 1)
    stage = _stage(stage)
    sizes = {"weight": weight, "gradient": gradient, "state": state}
    held = [n * checks.not_negative(name, size) for name, size in sizes.items()]
    return Memory(*(size / ranks if stage >= first else size for size, first in zip(held, (3, 2, 1))))


def data_bytes(parameters: float, ranks: int, stage: int = 0, weight: float = 2, gradient: float = 2) -> float:
    """Bytes that one of `ranks` data-parallel devices sends in a step.

    Stage 0 all-reduces the gradients; stages 1 and 2 reduce-scatter them and all-gather the new weights; stage 3
    gathers the weights twice, before the forward and before the backward pass (Rajbhandari et al. 2020, section 7).

    Raises:
        ValueError: as in `memory`.
    """
    n, stage = checks.not_negative("parameters", parameters), _stage(stage)
    gradients, weights = n * checks.not_negative("gradient", gradient), n * checks.not_negative("weight", weight)
    if stage == 0:
        return ring_bytes(gradients, ranks)
    gathers = 2 if stage == 3 else 1
    return ring_bytes(gradients, ranks, "reduce_scatter") + gathers * ring_bytes(weights, ranks, "all_gather")


def tensor_bytes(micro: int, context: int, width: int, ranks: int, all_reduces: int = 4, size: float = 2) -> float:
    """Bytes that one of `ranks` tensor-parallel devices sends for one layer and one micro-batch.

    Activations of `micro` × `context` × `width` numbers are all-reduced twice in the forward and twice in the backward
    pass (Narayanan et al. 2021, section 3.2), and twice more where the forward pass is computed again.

    Raises:
        ValueError: a count is below 1, or `size` negative.
    """
    counts = {"micro": micro, "context": context, "width": width}
    numbers = math.prod(checks.whole(name, count, 1) for name, count in counts.items())
    all_reduces = checks.whole("all_reduces", all_reduces, 1)
    return all_reduces * ring_bytes(numbers * checks.not_negative("size", size), ranks)


def bubble(stages: int, microbatches: int, chunks: int = 1) -> float:
    """Time that a pipeline's device waits, as a share of the time in which it computes: (p − 1) / (v m).

    Source: Narayanan et al. 2021, sections 2.2.1 and 2.2.2.

    Args:
        stages: p, devices in a row.
        microbatches: m, pieces of a batch that follow each other through them.
        chunks: v, pieces of the model on each device (interleaved schedule).

    Raises:
        ValueError: a number is below 1.
    """
    stages, m = checks.whole("stages", stages, 1), checks.whole("microbatches", microbatches, 1)
    return (stages - 1) / (checks.whole("chunks", chunks, 1) * m)


def plan(
    model: Model,
    cluster: Cluster,
    *,
    data: int,
    batch: int,
    context: int,
    efficiency: float,
    tensor: int = 1,
    pipeline: int = 1,
    micro: int = 1,
    chunks: int = 1,
    stage: int = 1,
    recompute: bool = False,
    gradient: float = 4,
) -> Plan:
    """One step of training on paper. Attention's own products, latencies and slow devices are not in it.

    Args:
        model: its size and shape.
        cluster: the devices and their wires.
        data: d; with `tensor` t and `pipeline` p: the number of devices is their product. The t devices of a tensor
            group sit in one server; everything else crosses the network.
        batch: sequences in a step, over all devices.
        context: tokens in a sequence.
        efficiency: share of the peak at which a device multiplies while nothing holds it up; to be measured.
        micro: sequences in a micro-batch.
        chunks: pieces of the model on each device of a pipeline.
        stage: what the data-parallel devices shard, as in `memory`. Gradients are reduced once a step; at stage 3
            the weights are gathered twice for each micro-batch.
        recompute: whether the forward pass is computed again in the backward pass: 8 operations for each parameter
            and token in place of 6, of which 6 count as use.
        gradient: bytes of a gradient on the wire; weights and activations have 2.

    Raises:
        ValueError: an argument does not fit, or the batch does not split into whole micro-batches on each device.
    """
    sizes = {"data": data, "tensor": tensor, "pipeline": pipeline, "micro": micro}
    d, t, p, micro = (checks.whole(name, size, 1) for name, size in sizes.items())
    batch, context = checks.whole("batch", batch, 1), checks.whole("context", context, 1)
    if batch % (d * micro):
        raise checks.wrong("batch", batch, f"a multiple of data × micro, {d} × {micro}")
    if not checks.share("efficiency", efficiency) > 0:
        raise checks.wrong("efficiency", efficiency, "above 0 and at most 1")
    for name, value in (*zip(Model._fields, model), *zip(Cluster._fields, cluster)):
        checks.positive(name, value)
    m, devices, held = batch // (d * micro), d * t * p, model.parameters / (t * p)
    useful = 6 * model.parameters * batch * context / (devices * cluster.flops)  # seconds at the peak
    compute = useful * (8 / 6 if recompute else 1) / efficiency
    wait = compute * bubble(p, m, chunks)
    layer = tensor_bytes(micro, context, model.width, t, 6 if recompute else 4)
    tensors = model.layers / p * m * layer / cluster.link
    hop = 2 * micro * context * model.width / t  # bytes of activations, split over the tensor group
    between = 2 * m * chunks * hop / cluster.network if p > 1 else 0.0  # forward and back
    shards = data_bytes(held, d, stage, 2, gradient)
    if stage == 3:  # the weights are gathered for every micro-batch
        shards += 2 * (m - 1) * ring_bytes(2 * held, d, "all_gather")
    gradients = shards / cluster.network
    best = max(compute + wait, tensors, between + gradients)  # no step is shorter than what one wire carries
    worst = compute + wait + tensors + between + gradients
    held_bytes = memory(held, d, stage, 2, gradient)
    return Plan(
        devices, m, compute, wait, tensors, between, gradients, useful / best, useful / worst, held_bytes
    )  # fmt: skip


def checkpoint_period(write: float, between_failures: float) -> float:
    """Seconds between checkpoints that lose least: √(2 · write · between_failures), Young 1974, first order.

    Args:
        write: seconds that training stands still for a checkpoint.
        between_failures: mean seconds from one interruption of the job to the next.

    Raises:
        ValueError: one of them is not positive.
    """
    return math.sqrt(2 * checks.positive("write", write) * checks.positive("between_failures", between_failures))


def lost_share(period: float, write: float, between_failures: float, restart: float = 0.0) -> float:
    """Share of the time lost: to writing, to half a period done again after each failure, and to starting again.

    First order: right where the three are small beside 1.

    Raises:
        ValueError: `restart` is negative, or one of the others not positive.
    """
    period, mean = checks.positive("period", period), checks.positive("between_failures", between_failures)
    again = period / 2 + checks.not_negative("restart", restart)
    return checks.positive("write", write) / period + again / mean


def _stage(stage: int) -> int:
    if checks.whole("stage", stage) > 3:
        raise checks.wrong("stage", stage, "0, 1, 2 or 3")
    return stage
