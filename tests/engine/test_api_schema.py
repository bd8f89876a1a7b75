"""Schemathesis asks whatever the OpenAPI document allows, and what it does not.

No server error, no status, header, type or body that the document does not name.
"""

import pytest
import pytest_asyncio
import schemathesis
from api_world import KEY, api_world
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode

from bot.config import ApiConfig
from engine.api.service import Feed, build_front

HEADERS = {"x-api-key": KEY}


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
    schema = schemathesis.openapi.from_asgi("/openapi.json", front)
    schema.config.generation.update(
        modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    )
    return schema


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_names(case):
    case.call_and_validate(headers=HEADERS)


@schema.parametrize()
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
def test_so_is_what_somebody_without_a_key_gets(case):
    answer = case.call(headers={"x-api-key": "fw-wrong"})

    case.validate_response(answer, excluded_checks=[])
    is_open = case.path in {"/livez", "/readyz", "/metrics"}
    assert is_open or answer.status_code in {401, 405, 413}
