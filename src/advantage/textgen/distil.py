"""Distillation: a small model learns from a large one's probabilities, and from the text itself."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advantage import checks
from advantage.textgen.interface import device_of
from advantage.textgen.muon import Optimiser
from advantage.textgen.training import draw_batch, rate


def distillation_loss(
    logits: Tensor, targets: Tensor, teacher_logits: Tensor | None = None, soft: float = 0.9, temperature: float = 1.0
) -> Tensor:
    """(1 − soft) × cross-entropy with the text + soft × T² × cross-entropy with the teacher at temperature T.

    Source: Hinton, Vinyals & Dean 2015 (arXiv:1503.02531), section 2; T² keeps the gradient's size.

    Args:
        logits: (B, T, V), the student's.
        targets: (B, T), the tokens of the text.
        teacher_logits: (B, T, V); None: the text alone.
        soft: weight of the teacher, from 0 to 1.
        temperature: divides both models' logits; positive.

    Returns:
        Nats per token, a scalar.
    """
    checks.share("soft", soft)
    checks.positive("temperature", temperature)
    hard = F.cross_entropy(logits.flatten(0, -2), targets.flatten())
    if teacher_logits is None:
        return hard
    if teacher_logits.shape != logits.shape:
        raise ValueError(f"teacher_logits: {tuple(teacher_logits.shape)}; must be the student's, {tuple(logits.shape)}")
    p = (teacher_logits.flatten(0, -2) / temperature).softmax(-1)
    imitation = F.cross_entropy(logits.flatten(0, -2) / temperature, p)
    return (1 - soft) * hard + soft * temperature**2 * imitation


def distil(
    student: nn.Module,
    tokens: np.ndarray,
    steps: int,
    teacher: nn.Module | None = None,
    *,
    batch: int = 4,
    context: int = 256,
    muon_rate: float = 0.02,
    adam_rate: float = 0.01,
    seed: int = 0,
    soft: float = 0.9,
    temperature: float = 1.0,
) -> list[float]:
    """Train a student in place for a number of steps, to imitate the teacher; without one, on the text alone.

    Optimiser, schedule and, for the same seed, windows are those of `training`. The teacher multiplies 16-bit numbers.

    Returns:
        The loss of each step, in nats per token.
    """
    optimiser, losses, device = Optimiser(student, muon_rate, adam_rate), [], device_of(student)
    for step in range(checks.whole("steps", steps)):
        inputs, targets = (part.to(device) for part in draw_batch(tokens, batch, context, seed, step))
        wanted = None
        if teacher is not None:
            with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
                wanted = teacher(inputs).float()
        loss = distillation_loss(student(inputs), targets, wanted, soft, temperature)
        loss.backward()
        nn.utils.clip_grad_norm_(optimiser.others, 1.0)
        optimiser.step(rate(step / steps, step, 20, 0.7))
        losses.append(loss.item())
    return losses
