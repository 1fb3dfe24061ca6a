"""Requests to a version folder that is opened for them."""

import asyncio

from ganapp.export.server.servable import Servable


def ask(folder, *requests, engine="litert", **options):
    """Answers to requests that come together, or their exceptions."""

    async def within():
        servable = Servable.open(folder, engine=engine, **options)
        try:
            asked = (servable.predict(*request) for request in requests)
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            await servable.close()

    return asyncio.run(within())


def answer(folder, *request, **options):
    (found,) = ask(folder, request, **options)
    if isinstance(found, BaseException):
        raise found
    return found
