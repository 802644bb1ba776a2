"""Distillation held against torch's divergence, the training loop, and what a student must come to."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from advantage.textgen import training
from advantage.textgen.distil import distil, distillation_loss
from advantage.textgen.gpt import GPT

TOKENS = np.random.default_rng(0).integers(11, size=2000)


def fresh(seed=0, width=16):
    torch.manual_seed(seed)
    return GPT(11, 16, 1, width, 1)


@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0.25, 4))
def test_the_loss_is_hinton_s(seed, soft, temperature):
    """Reference: torch's kl_div, which the cross-entropy exceeds by the teacher's entropy."""
    torch.manual_seed(seed)
    student, teacher = torch.randn(2, 2, 3, 11, dtype=torch.float64)
    targets = torch.randint(11, (2, 3))
    p = (teacher / temperature).softmax(-1)
    divergence = F.kl_div((student / temperature).log_softmax(-1), p, reduction="sum") / 6
    entropy = -(p * p.log()).sum(-1).mean()
    hard = F.cross_entropy(student.flatten(0, 1), targets.flatten())
    expected = (1 - soft) * hard + soft * temperature**2 * (divergence + entropy)
    found = distillation_loss(student, targets, teacher, soft, temperature)
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)
    assert distillation_loss(student, targets).item() == pytest.approx(hard.item())


def test_hot_teachers_make_the_student_match_logits():
    """Reference: Hinton et al. 2015, equation 4: T² times the gradient goes to (z − v) / V, for centred logits."""
    torch.manual_seed(0)
    student, teacher = (x - x.mean(-1, keepdim=True) for x in torch.randn(2, 1, 1, 11, dtype=torch.float64))
    student.requires_grad_()
    distillation_loss(student, torch.zeros(1, 1, dtype=torch.long), teacher, 1.0, 1e4).backward()
    assert torch.allclose(student.grad, (student - teacher).detach() / 11, atol=1e-5)


def test_without_a_teacher_it_is_the_training_loop():
    """Reference: training.train with the same seed, rates and batches."""
    ours, theirs = fresh(), fresh()
    recipe = {"batch": 3, "context": 16, "muon_rate": 0.02, "adam_rate": 0.01, "seed": 5}
    losses = distil(ours, TOKENS, 30, **recipe)
    training.train(theirs, TOKENS, TOKENS[:50], budget_tokens=30 * 3 * 16, **recipe)
    assert len(losses) == 30
    for name, weight in theirs.named_parameters():
        assert torch.allclose(ours.get_parameter(name), weight, atol=1e-6), name


def test_a_student_comes_to_say_what_its_teacher_says():
    """By definition: the divergence from the teacher falls, on tokens that say nothing themselves."""
    teacher = fresh(3)
    with torch.no_grad():
        torch.nn.init.normal_(teacher.head.weight, std=0.5)
    before = copy.deepcopy(teacher.state_dict())
    student = fresh(4)
    ids = torch.randint(11, (4, 16))

    def divergence():
        with torch.no_grad():
            return (
                F.kl_div(student(ids).log_softmax(-1), teacher(ids).softmax(-1), reduction="sum").item() / ids.numel()
            )

    start = divergence()
    losses = distil(student, TOKENS, 80, teacher, batch=8, context=16, soft=1.0)
    assert divergence() < start / 3
    assert np.mean(losses[-10:]) < losses[0]
    assert all(torch.equal(weight, before[name]) for name, weight in teacher.state_dict().items())
    assert distil(student, TOKENS, 0, teacher) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"soft": 1.5}, "soft: 1.5"),
        ({"temperature": 0}, "temperature: 0"),
        ({"temperature": math.nan}, "temperature"),
        ({"teacher_logits": torch.zeros(1, 2, 12)}, "teacher_logits: .*12"),
    ],
)
def test_bad_arguments_are_named(change, message):
    """Reference: the docstring."""
    options = {"teacher_logits": torch.zeros(1, 2, 11)} | change
    with pytest.raises(ValueError, match=message):
        distillation_loss(torch.zeros(1, 2, 11), torch.zeros(1, 2, dtype=torch.long), **options)


def test_bad_steps_are_named():
    """Reference: the docstring of checks.whole."""
    with pytest.raises(ValueError, match="steps: -1"):
        distil(fresh(), TOKENS, -1)
