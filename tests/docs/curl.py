"""Stands in for `curl` where it is not installed: the few options that the pages use, over a real connection."""

from __future__ import annotations

import argparse

import httpx


def main() -> None:
    """`curl [-s] [-i] [-X METHOD] [-d BODY] URL`."""
    parser = argparse.ArgumentParser(prog="curl")
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-i", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-d", dest="body")
    given = parser.parse_args()
    method = given.method or ("GET" if given.body is None else "POST")
    reply = httpx.request(method, given.url, content=given.body, timeout=30)
    if given.i:
        print(f"{reply.http_version} {reply.status_code} {reply.reason_phrase}")
        print(*(f"{name}: {value}" for name, value in reply.headers.items()), "", sep="\n")
    print(reply.text)


if __name__ == "__main__":
    main()
