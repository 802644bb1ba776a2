"""Serve an exported model: the engine is `transformers serve`, with continuous batching and a door in front.

What the engine does: reads the folder, keeps a paged cache of keys and values, puts whatever requests there are into
one batch for each step, shares the cache of equal beginnings, streams. What is added here, because its version for
batches lacks it: a temperature of its own for every request, stop sequences, and the refusals of `door`.
"""

import asyncio
import copy
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from transformers import ContinuousBatchingConfig
from transformers.cli.serving.completion import CompletionHandler
from transformers.cli.serving.model_manager import ModelManager
from transformers.cli.serving.server import build_server
from transformers.cli.serving.utils import CBGenerateManager, CBStreamer, GenerationState, _StreamError
from transformers.utils import logging

from advantage.textgen.door import MAX_TOKENS, Gate, Refusal, refusal, stops

PAGE = 16  # tokens of the cache that are shared or not
STEP = 512  # the most tokens that one step reads
PATHS = ("/v1/completions", "/v1/models", "/health")
COLD = 1e-4  # the temperature that stands for 0: the most probable token has all the probability


class Batches(CBGenerateManager):
    """The engine's batches, with a temperature and stop sequences for every request."""

    def init_cb(self, model: Any, gen_config: Any) -> None:
        if self._cb is None:
            shared = copy.deepcopy(gen_config)  # what a request does not say itself
            shared.update(do_sample=True, temperature=0.5, top_p=1.0, top_k=0)  # at 1 it would have no place to say it
            super().init_cb(model, shared)

    def generate_streaming(self, model, processor, inputs, gen_config, request_id, response_parser=None):
        self._check_alive(request_id)
        batch: Any = self._cb
        queue: asyncio.Queue = asyncio.Queue()

        def stop() -> None:
            gen_config.max_new_tokens = None  # else the engine calls a text that stops at its last token too long
            batch.cancel_request(request_id)

        gate = Gate(queue, [*(gen_config.stop_strings or []), "\0"], stop)
        streamer = CBStreamer(batch, request_id, processor._tokenizer, asyncio.get_running_loop(), gate)

        def deliver(output: Any) -> None:  # on the event loop, for each token
            streamer.put(output)
            if output.error is not None:
                gate.put_nowait(_StreamError(output.error))
            elif output.is_finished():
                streamer.end()

        batch.register_result_handler(request_id, deliver)
        batch.add_request(
            inputs["input_ids"],
            request_id=request_id,
            streaming=True,
            max_new_tokens=gen_config.max_new_tokens,
            eos_token_id=gen_config.eos_token_id,
            temperature=max(float(gen_config.temperature), COLD),
        )
        return queue, streamer

    async def generate_non_streaming(self, model, processor, inputs, gen_config, request_id):
        queue, streamer = self.generate_streaming(model, processor, inputs, gen_config, request_id)
        pieces = []
        while (piece := await queue.get()) is not None:
            if isinstance(piece, _StreamError):
                raise HTTPException(500, piece.msg)
            pieces.append(piece)
        return "".join(pieces), len(inputs["input_ids"]), range(streamer.total_tokens)


class Completions(CompletionHandler):
    """The engine's answers to `/v1/completions`, behind the door."""

    def __init__(self, name: str, manager: ModelManager, state: GenerationState) -> None:
        super().__init__(model_manager=manager, generation_state=state)
        self.name = name
        self.model, self.tokenizer = manager.load_model_and_processor(f"{manager.force_model}@main")
        self.context = self.model.config.max_position_embeddings

    def _resolve_model(self, body: dict) -> tuple[str, Any, Any]:
        return self.name, self.model, self.tokenizer

    async def handle_request(self, body: dict, request_id: str):
        refused = refusal(body, self.name, self.context, lambda text: len(self.tokenizer(text)["input_ids"]))
        if refused:
            return answer(refused)
        given = {key: value for key, value in body.items() if key in ("prompt", "stream") and value is not None}
        temperature = 1.0 if body.get("temperature") is None else body["temperature"]
        limit = body.get("max_tokens") or MAX_TOKENS
        given |= {"temperature": temperature, "max_tokens": limit, "stop": stops(body)}
        return await super().handle_request(given, request_id)


def answer(refused: Refusal) -> JSONResponse:
    return JSONResponse(refused.body(), refused.status)


def build(
    folder: str | Path, name: str, max_batch: int = 32, prefix_cache: bool = True, threads: int | None = None
) -> FastAPI:
    """The engine's application for the model of one folder.

    Args:
        folder: what `export.write` wrote.
        name: what clients call the model.
        max_batch: texts in one step; others wait.
        prefix_cache: whether texts that begin alike share keys and values.
        threads: that compute; PyTorch's own number unless given.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    logging.set_verbosity_error()  # else each request is a line
    logging.disable_progress_bar()
    manager = ModelManager(device="cpu", force_model=str(folder), continuous_batching=True)
    context = manager.load_model_and_processor(f"{folder}@main")[0].config.max_position_embeddings
    config = ContinuousBatchingConfig(
        page_size=PAGE,
        num_blocks=-(-context // PAGE) * (max_batch + 1),
        max_batch_tokens=max(STEP, max_batch),
        max_requests_per_batch=max_batch,
        allow_block_sharing=prefix_cache,
        per_request_processors=True,
    )
    state = GenerationState(continuous_batching=True)
    batches = Batches(config)
    state._cb_manager, state._cb_model_id = batches, name
    completions = Completions(name, manager, state)
    absent: Any = None  # handlers of other requests: their paths are taken away below
    app = build_server(manager, absent, completions, absent, absent, absent, generation_state=state)
    app.router.routes = [route for route in app.routes if getattr(route, "path", "") in PATHS[:1] + PATHS[2:]]
    begun = int(time.time())

    @app.get("/v1/models")
    def models() -> dict:
        return {"object": "list", "data": [{"id": name, "object": "model", "created": begun, "owned_by": "you"}]}

    log = logged(completions.model)

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> str:
        waiting = 0
        if batches._cb is not None and batches._cb.batch_processor is not None:
            scheduler = batches.scheduler
            waiting = len(scheduler.active_requests) + len(scheduler.waiting_requests)
        tokens = sum(row[0] for row in log)
        counts = {"requests": waiting, "steps": len(log), "tokens": tokens, "processor_seconds": time.process_time()}
        return "".join(f"{key} {value}\n" for key, value in counts.items())

    @app.get("/steps")
    def steps(since: int = 0) -> list[tuple[int, int, int, float]]:
        return log[since:]

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return answer(Refusal(error.status_code, str(error.detail)))

    @app.exception_handler(RequestValidationError)
    async def no_json(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(Refusal(400, "the body is not a JSON object"))

    return app


def logged(model: torch.nn.Module) -> list[tuple[int, int, int, float]]:
    """A list that gets a row as each step of the model begins.

    Tokens that the step computes, texts that it writes a token for, pairs of a query and a key that attention scores,
    and the processor milliseconds that the working thread has had so far.
    """
    log: list[tuple[int, int, int, float]] = []

    def row(_module: Any, _inputs: Any, given: dict[str, Any]) -> None:
        mask = given["attention_mask"]
        pairs = (next(iter(mask.values())) if isinstance(mask, dict) else mask).numel()
        log.append((given["input_ids"].numel(), given["logits_to_keep"].numel(), pairs, 1e3 * time.thread_time()))

    model.register_forward_pre_hook(row, with_kwargs=True)
    return log


def serve(app: FastAPI, listening: socket.socket, attached: bool = False) -> None:
    """Answer requests until a signal ends it, or with `attached` until standard input ends."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))

    def watch() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True
        time.sleep(5)
        os._exit(0)  # whatever still holds it

    if attached:
        threading.Thread(target=watch, daemon=True).start()
    server.run(sockets=[listening])
