"""Names for runs that nobody named: two words and a number, easy to say."""

from __future__ import annotations

import random
from typing import Final

_HOW: Final = tuple(
    """
    able amber bold brave brisk calm clear clever cool crisp eager early fair fast fine firm fleet fond
    frank free fresh glad grand green honest keen kind late light lively lucky mellow mild neat nimble
    noble open patient plain polite proud quick quiet rapid ready ripe robust round sage sharp silent
    silver simple sleek smart smooth snug solid spry steady still stout strong sunny sure swift tidy true
    warm wise witty young
    """.split()  # noqa: SIM905 - a paragraph of words reads better than a column
)
_WHAT: Final = tuple(
    """
    anchor anvil arrow badger beacon beaver birch bridge canyon cedar clock comet condor coral cove crane
    delta drum eagle ember falcon fern finch forge fox garnet glacier grove harbor hare hawk heron ibis
    iris jay juniper kestrel kite lark lantern ledge lever linnet lynx maple marten meadow mill oak orbit
    osprey otter owl pebble pine plover prism quartz quill rail raven reed ridge river robin rook rotor
    sable sail spring stone swan thrush tide vale wren
    """.split()  # noqa: SIM905 - a paragraph of words reads better than a column
)


def readable_name() -> str:
    """A name such as `swift-heron-412`; two runs may get the same."""
    draw = random.SystemRandom()
    return f"{draw.choice(_HOW)}-{draw.choice(_WHAT)}-{draw.randrange(1000)}"
