"""Connections over which the operator asks on behalf of many tenants: nothing of one reaches another.

No cookies: one answer's would go with the next tenant's question, and enough of them would make a server
refuse it. No limit of connections here: who asks bounds its own, for each tenant.
"""

import aiohttp


def connections() -> aiohttp.ClientSession:
    """A session to be entered; proxies and passwords of the environment are not used."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    )
