from datetime import timedelta

import pytest

from bot.api_keys import ApiKey, digest_of, new_key


@pytest.fixture
def ours(clock):
    return ApiKey(name="ours", digest="a" * 64, per_minute=60, created_at=clock())


async def test_keys_come_back_oldest_first(store, ours, clock):
    other = ApiKey(name="other", digest="b" * 64, created_at=clock.tick(hours=1))

    assert await store.add_api_key(ours)
    assert await store.add_api_key(other)

    assert await store.list_api_keys() == [ours, other]


async def test_a_name_is_given_once_also_after_it_was_revoked(store, ours, clock):
    await store.add_api_key(ours)
    assert not await store.add_api_key(ours)
    await store.revoke_api_key("ours", clock())

    assert not await store.add_api_key(ours)


async def test_a_key_is_revoked_once(store, ours, clock):
    await store.add_api_key(ours)
    later = clock() + timedelta(hours=2)

    assert await store.revoke_api_key("ours", later)
    assert not await store.revoke_api_key("ours", later)
    assert not await store.revoke_api_key("nobody", later)

    (key,) = await store.list_api_keys()
    assert key.revoked_at == later


def test_a_key_is_long_and_its_hash_tells_nothing_of_it():
    keys = {new_key() for _ in range(100)}

    assert len(keys) == 100
    for key in keys:
        assert key.startswith("fw-")
        assert len(key) > 40
        assert key[3:] not in digest_of(key)
    # what a stranger's header may hold
    assert digest_of("\udcff") != digest_of("")
