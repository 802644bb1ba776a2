"""A server: held against OpenAI's client and its types, and against our own sampling; and how it ends."""

import asyncio
import concurrent.futures
import errno
import itertools
import os
import signal
import socket
import subprocess
import sys

import httpx
import numpy as np
import openai
import psutil
import pytest
from openai.types import Completion, CompletionUsage, Model

from advantage.textgen import export, inkwell, load_test, sampling, serving
from advantage.textgen.__main__ import main

PROMPTS = ["def f(", "import os", "class Reader:", "for i in range("]
LONG = "x = 1\n" * 300
ENDING = 'buffer.write\n        write(result)\n\n\nif __name__ == "__main__":\n    main(sys.argv)'


@pytest.fixture(scope="module")
def url():
    with serving.running("--name=inkwell") as url:
        yield url


def connect(url):
    plain = httpx.Client(trust_env=False, timeout=None)
    return openai.OpenAI(base_url=url, api_key="none", max_retries=0, http_client=plain)


@pytest.fixture
def client(url):
    with connect(url) as client:
        yield client


def complete(client, prompt, max_tokens=24, temperature=0.0, **more):
    return client.completions.create(
        model="inkwell", prompt=prompt, max_tokens=max_tokens, temperature=temperature, **more
    )


def counts(url):
    lines = httpx.get(url.removesuffix("/v1") + "/metrics", trust_env=False).text.splitlines()
    return {key: float(value) for key, value in map(str.split, lines)}


@pytest.fixture(scope="module")
def expected():
    """What our own loop writes, at temperature 0."""
    model, tokenizer = inkwell.load()
    return dict(zip(PROMPTS, sampling.complete(model, tokenizer, PROMPTS, 24, temperature=0)))


def test_answers_are_the_models_and_have_the_clients_types(client, expected):
    """Reference: sampling.complete, the same model in our own loop; openai.types, checked strictly."""
    assert [Model.model_validate(m.model_dump()).id for m in client.models.list()] == ["inkwell"]
    for prompt in PROMPTS:
        answer = complete(client, prompt)
        Completion.model_validate(answer.model_dump(), strict=True)
        assert answer.choices[0].text == expected[prompt]
        assert (answer.model, answer.choices[0].finish_reason) == ("inkwell", "length")
        read = answer.usage.prompt_tokens
        assert answer.usage == CompletionUsage(completion_tokens=24, prompt_tokens=read, total_tokens=24 + read)


def test_a_stream_is_the_same_text_in_pieces(client, expected):
    """Reference: the answer in one piece; the API's last piece has the reason why it ends."""
    pieces = list(complete(client, PROMPTS[0], stream=True))
    assert "".join(piece.choices[0].text for piece in pieces) == expected[PROMPTS[0]]
    assert len(pieces) > 10
    assert [piece.choices[0].finish_reason for piece in pieces] == [None] * (len(pieces) - 1) + ["length"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("stop", ["\n", [" list", ")"]])
def test_a_text_stops_before_its_stop_sequence(client, expected, stop, stream):
    """Reference: str.find on the text without it."""
    answer = complete(client, PROMPTS[0], stop=stop, stream=stream)
    pieces = list(answer) if stream else [answer]
    whole = expected[PROMPTS[0]]
    assert (
        "".join(piece.choices[0].text for piece in pieces) == whole[: min(whole.find(s) for s in [*stop] if s in whole)]
    )
    assert pieces[-1].choices[0].finish_reason == "stop"


def test_a_text_that_stops_with_its_last_token_has_stopped(client, expected):
    """Reference: the API's two reasons: a stop sequence, and tokens that were not enough."""
    tokens = len(inkwell.load()[1].encode(expected[PROMPTS[0]].split("\n")[0])) + 1
    answer = complete(client, PROMPTS[0], tokens, stop="\n")
    assert answer.choices[0].finish_reason == "stop"


def test_a_text_that_comes_late_begins_before_the_others_end(url, client):
    """Reference: batching by step; batching by request lets it wait."""
    with complete(client, PROMPTS[0], 400, stream=True) as long:
        next(iter(long))
        late = complete(client, PROMPTS[1], 8)
        assert counts(url)["requests"] == 1
    assert late.usage.completion_tokens == 8


def test_texts_at_a_time_are_the_texts_one_by_one(url, client, expected):
    """Reference: the same prompts alone. Some of the batch are drawn hot: a temperature is a request's own."""
    work = [(prompt, 0.0) for prompt in PROMPTS] + [(prompt, 1.5) for prompt in PROMPTS]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda pair: complete(client, *pair[:1], temperature=pair[1]), work))
    texts = [answer.choices[0].text for answer in answers]
    assert texts[: len(PROMPTS)] == [expected[prompt] for prompt in PROMPTS]
    assert texts[len(PROMPTS) :] != texts[: len(PROMPTS)]


def test_a_document_that_ends_ends_the_text(client):
    """Reference: a prompt after which our own loop takes the end of a document for the end of the text."""
    model, tokenizer = inkwell.load()
    assert sampling.generate(model, [tokenizer.encode(ENDING)], 8, temperature=0)[0].count(tokenizer.start)
    answer = complete(client, ENDING, 8).choices[0]
    assert "\0" not in answer.text
    assert answer.finish_reason == "stop"


def test_a_cancelled_request_is_not_gone_on_with(url, client):
    """Reference: the server's own counts."""
    for _ in range(5):  # a server that is kept from the processor may notice too late
        before = counts(url)["steps"]
        with complete(client, PROMPTS[0], 500, stream=True) as stream:
            list(itertools.islice(stream, 3))
        while counts(url)["requests"]:
            pass
        if cancelled := counts(url)["steps"] - before < 500:
            break
    assert cancelled


@pytest.mark.parametrize(
    ("body", "error", "code"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found"),
        ({"prompt": LONG}, openai.BadRequestError, "context_length_exceeded"),
        ({"prompt": ""}, openai.BadRequestError, "invalid_prompt"),
        ({"max_tokens": -4}, openai.BadRequestError, None),
        ({"n": 2}, openai.BadRequestError, "unsupported_parameter"),
        ({"extra_body": {"generation_config": "{}"}}, openai.BadRequestError, "unknown_parameter"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_served_is_refused_and_the_next_request_is_not(client, expected, body, error, code, stream):
    """Reference: the client's exceptions for the API's statuses. The bare engine ends for all after an empty prompt."""
    with pytest.raises(error) as caught:
        client.completions.create(**({"model": "inkwell", "prompt": PROMPTS[0], "stream": stream} | body))
    assert caught.value.code == code
    assert caught.value.type == "invalid_request_error"
    assert complete(client, PROMPTS[1]).choices[0].text == expected[PROMPTS[1]]


def test_other_paths_and_bodies_are_refused_in_the_same_form(url, client):
    """Reference: the client's exceptions, and the API's form of an error."""
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="inkwell", messages=[{"role": "user", "content": "hello"}])
    json = {"Content-Type": "application/json"}
    answer = httpx.post(url + "/completions", content=b"{", headers=json, trust_env=False)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_shared_beginning_is_read_once(url, client):
    """Reference: the server's count of tokens that its steps read, and the size of a page of its cache."""
    prompt = "y = 2\n" * 40
    read = []
    for _ in range(2):
        before = counts(url)["tokens"]
        answer = complete(client, prompt, 2)  # of a text of one token the engine keeps nothing
        read.append(counts(url)["tokens"] - before)
    assert read[0] == answer.usage.prompt_tokens + 1
    assert read[1] <= 16 + 1


def test_a_load_is_counted_whole(url):
    """Reference: tokens asked for, times requests; every token but a text's first has a step that reads it."""
    body = {"model": "inkwell", "max_tokens": 8, "temperature": 0}
    row = asyncio.run(load_test.load(url, body, PROMPTS, 2))
    read = sum(len(inkwell.load()[1].encode(prompt)) for prompt in PROMPTS)
    assert row["written"] == 8 * len(PROMPTS)
    assert 7 * len(PROMPTS) + len(PROMPTS) <= row["tokens"] <= 7 * len(PROMPTS) + read
    assert 16 <= row["steps"] <= 32
    tokens, texts, pairs, ms = row["log"].T
    assert (tokens >= texts).all()
    assert (pairs >= tokens**2).all()  # every new token may look at least at the new ones
    assert (ms > 0).all()


def test_a_law_is_found_again():
    """Reference: steps that were made by a law."""
    draw = np.random.default_rng(0)
    texts, prompt, keys = draw.integers(1, 32, 200), draw.integers(0, 500, 200), draw.integers(100, 5000, 200)
    pairs = (texts + prompt) * keys
    made = 6.0 + 0.3 * texts + 0.1 * prompt + 90 * pairs / 1e6 + 2 * keys / 1e3
    found = load_test.law(np.column_stack([texts + prompt, texts, pairs, made]))
    assert found == pytest.approx([6.0, 0.3, 0.1, 90, 2])


# ------------------------------------------------------------------ how it starts and ends


def test_a_port_that_is_taken(capsys):
    """Reference: the operating system's refusal, of a port that a socket here listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: port: {port} cannot be had")
    assert "0 for a free one" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port=99999"], "port: 99999; must lie in"),
        (["--max-batch=0"], "max-batch: 0; must"),
        (["--threads=0"], "threads: 0; must"),
        (["--only-export"], "only-export: there is no folder"),
        (["--port=0", "--model=/nowhere"], "not a model's folder"),
        (["--only-export", "--export=/nowhere/model"], "the folder around it does not exist"),
    ],
)
def test_options_that_do_not_fit(capsys, options, message):
    """Reference: the command's promise of a message and the exit code 1."""
    assert main(["serve", *options]) == 1
    assert message in capsys.readouterr().err


def test_a_server_that_does_not_start_says_why():
    """Reference: the command's own message."""
    with pytest.raises(RuntimeError, match="not a model's folder"), serving.running("--model=/nowhere"):
        pass


def test_a_killed_engine_is_an_error_of_the_connection():
    """Reference: the client's exception for a server that is not there; the block ends all the same."""
    others = set(psutil.Process().children())
    with serving.running() as url, connect(url) as client:
        (server,) = set(psutil.Process().children()) - others
        stream = complete(client, PROMPTS[0], 400, stream=True)
        next(iter(stream))
        server.kill()
        with pytest.raises((openai.APIConnectionError, httpx.TransportError)):
            list(stream)
        with pytest.raises(openai.APIConnectionError):
            complete(client, PROMPTS[0])


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_no_server_outlives_the_process_that_started_it():
    """Reference: kill -9, after which no code of that process runs."""
    code = (
        "from advantage.textgen import serving\nwith serving.running() as url:\n    print(url, flush=True)\n    input()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    url = parent.stdout.readline().strip()
    assert counts(url)["requests"] == 0
    server = psutil.Process(parent.pid).children()[0]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    server.wait(timeout=60)  # not a claim about time: without the end of its input it would stay for ever


def test_a_full_disk_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    """Reference: the operating system's error; the files of the export before."""
    model, tokenizer = inkwell.load()
    export.write(tmp_path / "model", model, tokenizer)
    before = {file.name: file.read_bytes() for file in (tmp_path / "model").iterdir()}

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("transformers.PreTrainedTokenizerFast.save_pretrained", full)
    assert main(["serve", "--only-export", f"--export={tmp_path / 'model'}"]) == 1
    assert {file.name: file.read_bytes() for file in (tmp_path / "model").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
