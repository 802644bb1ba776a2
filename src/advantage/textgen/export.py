"""Our GPT as a Qwen3 of `transformers`: the same weights under other names, the same logits; and as files."""

import os
from pathlib import Path
from typing import Any

import torch

from advantage import files
from advantage.textgen.gpt import EPSILON, GPT, ROTARY_BASE
from advantage.textgen.sampling import document_end
from advantage.textgen.tokenizer import BPETokenizer, Tokenizer


def to_transformers(model: GPT):
    """A `Qwen3ForCausalLM` that gives the same logits.

    Two things that Qwen3 has and ours lacks cancel out: its norms have a gain, which is set to one; its MLP is gated,
    down(act(gate x) · up x), which with the activation ReLU and gate = up is our squared ReLU.

    Args:
        model: a GPT of this package.

    Raises:
        ValueError: `model` is not a GPT.
    """
    from transformers import Qwen3Config, Qwen3ForCausalLM

    if not isinstance(model, GPT):
        raise ValueError(f"model: {type(model).__name__}; must be a GPT of advantage.textgen.gpt")
    settings, d_model = model.settings, model.settings["d_model"]
    config = Qwen3Config(
        vocab_size=settings["vocab_size"],
        hidden_size=d_model,
        intermediate_size=4 * d_model,
        num_hidden_layers=settings["num_layers"],
        num_attention_heads=settings["num_heads"],
        num_key_value_heads=settings["num_heads"],
        head_dim=model.d_head,
        hidden_act="relu",
        max_position_embeddings=settings["context"],
        rms_norm_eps=EPSILON,
        rope_parameters={"rope_type": "default", "rope_theta": ROTARY_BASE},
        tie_word_embeddings=settings["tied"],
        bos_token_id=None,
        eos_token_id=None,
    )
    exported = Qwen3ForCausalLM(config).eval()
    block: Any
    weights: dict[str, Any] = {"model.embed_tokens.weight": model.embedding.weight, "lm_head.weight": model.head.weight}
    for i, block in enumerate(model.blocks):
        names = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
        weights |= {f"model.layers.{i}.{name}.weight": part for name, part in zip(names, block.qkv.weight.chunk(3))}
        weights |= {f"model.layers.{i}.self_attn.o_proj.weight": block.out.weight}
        weights |= {f"model.layers.{i}.mlp.{name}.weight": block.up.weight for name in ("gate_proj", "up_proj")}
        weights |= {f"model.layers.{i}.mlp.down_proj.weight": block.down.weight}
    with torch.no_grad():
        for name, parameter in exported.named_parameters():
            parameter.copy_(weights[name]) if name in weights else parameter.fill_(1.0)
    return exported


def write(folder: str | Path, model: GPT, tokenizer: Tokenizer) -> None:
    """Write a folder that an engine can serve offline: weights (safetensors, 32 bits), settings, tokenizer.

    The format is that of `transformers`. The token that ends a document ends a text there too.

    Args:
        folder: appears whole or not at all; must be new, empty, or an exported model.
        model: a GPT of this package.
        tokenizer: byte pairs, the model's own.

    Raises:
        ValueError: model or tokenizer is of another kind, they do not belong together, or `folder` holds something
            else.
        OSError: the folder cannot be written; what was there is as it was.
    """
    folder = Path(folder)
    exported = to_transformers(model)
    if not isinstance(tokenizer, BPETokenizer):
        raise ValueError(f"tokenizer: {type(tokenizer).__name__}; must be a BPETokenizer")
    if tokenizer.vocab_size != model.settings["vocab_size"]:
        raise ValueError(f"tokenizer: {tokenizer.vocab_size} tokens; the model has {model.settings['vocab_size']}")
    if not folder.resolve().parent.is_dir():
        raise ValueError(f"folder: {folder}; the folder around it does not exist")
    held = set(os.listdir(folder)) if folder.is_dir() else set()
    if (folder.exists() and not folder.is_dir()) or (held and "generation_config.json" not in held):
        raise ValueError(f"folder: {folder} is there and is no exported model; choose another")
    exported.generation_config.update(eos_token_id=document_end(tokenizer), do_sample=True)
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import logging

    theirs = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.for_others(),
        clean_up_tokenization_spaces=False,
        model_max_length=model.context,
    )
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with files.whole_folder(folder) as unfinished:
            exported.save_pretrained(unfinished)
            theirs.save_pretrained(unfinished)
    finally:
        if bars:
            logging.enable_progress_bar()
