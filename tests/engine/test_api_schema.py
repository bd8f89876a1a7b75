"""Schemathesis asks whatever the OpenAPI document allows, and what it does not.

No server error, no status, header, type or body that the document does not name.
"""

import pytest
import pytest_asyncio
import schemathesis
from api_world import KEY, NOON, FakeKeys, api_world
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

from bot.config import ApiConfig
from engine.api.service import Feed, build_front
from engine.embedded.memory import MemoryCandles

#: not among them: that whatever the document does not allow is refused. Token Metrics
#: ignores parameters it does not know, and so must who takes its place.
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.allow_header_conformance,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front():
    """The ASGI application alone, over the state of a world."""
    async with api_world() as world:
        feed = Feed(
            state=lambda: world.source.state,
            trouble=lambda: "",
            candles=world.candles,
        )
        front, access = build_front(ApiConfig(), feed, world.keys, now=world.clock)
        await access.refresh()
        yield front


@pytest.fixture(scope="module")
def document(front):
    return schemathesis.openapi.from_asgi("/openapi.json", front)


def _paths() -> list[str]:
    """Return the paths of the document, without anything behind them."""
    feed = Feed(state=lambda: None, trouble=lambda: "", candles=MemoryCandles())
    front, _ = build_front(ApiConfig(), feed, FakeKeys(), now=lambda: NOON)
    return sorted(front.paths)


def ask(document, path: str, mode: GenerationMode, *, examples: int, key: str):
    """Ask a path whatever the mode gives; every answer is held against the document."""
    answers = []

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=document[path]["GET"].as_strategy(generation_mode=mode))
    def run(case):
        answer = case.call(headers={"x-api-key": key})
        case.validate_response(answer, checks=CHECKS)
        answers.append(answer.status_code)

    run()
    return answers


#: the probes take nothing, so nothing about them can be wrong
ASKED = [(path, GenerationMode.POSITIVE) for path in _paths()] + [
    (path, GenerationMode.NEGATIVE) for path in _paths() if path.startswith("/v")
]


@pytest.mark.parametrize(("path", "mode"), ASKED)
def test_every_answer_is_one_that_the_document_names(document, path, mode):
    answers = ask(document, path, mode, examples=25, key=KEY)

    assert answers
    assert max(answers) < 500


@pytest.mark.parametrize("path", _paths())
def test_so_is_what_somebody_without_a_key_gets(document, path):
    answers = ask(document, path, GenerationMode.POSITIVE, examples=2, key="fw-wrong")

    is_open = path in {"/livez", "/readyz", "/metrics"}
    assert set(answers) == ({200} if is_open else {401})
