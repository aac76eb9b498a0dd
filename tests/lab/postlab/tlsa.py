"""TLSA records of the receivers, as their owners would publish them.

A scenario's `tlsa` has one line a record: the TLSA base domain, usage, selector
and matching type, and perhaps a word:

    mx.{domain} 3 1 1          of the receiver of that name, else of the first one
    mx.{domain} 3 1 1 next     of the key that it will have ("switch to backup")
    mx.{domain} 3 1 1 stale    of a key that nobody has
    mx.{domain} 3 1 1 short    with data that is no digest

Usage 0 and 2 are about the authority that signed, 1 and 3 about the leaf.
"""

import hashlib

from cryptography.hazmat.primitives import serialization

from . import pins
from .scenarios import fill


def publish(world) -> None:
    """Every scenario's TLSA records into the tree; makes the chains they are of."""
    for scenario in world.scenarios:
        for line in scenario.tlsa:
            base, *numbers = fill(line, scenario).split()
            numbers, words = [int(n) for n in numbers[:3]], numbers[3:]
            receiver = next((r for r in scenario.receivers if r.host == base),
                            scenario.receivers[0])
            data = _data(world, scenario, receiver, numbers, *words)
            world.tree.add(f"_{receiver.port}._tcp.{base}", "TLSA",
                           " ".join(map(str, numbers)) + " " + data)


def _data(world, scenario, receiver, numbers, word: str = "") -> str:
    chain = world.receivers.chain(receiver)
    if word == "next":
        chain = pins.backup(world, scenario)
    if word == "stale":
        certificate = world.pki.pinned(f"stale.{receiver.host}")[1]
    elif numbers[0] in (0, 2):
        certificate = chain.certs[1] if len(chain.certs) > 1 else world.pki.intermediate.cert
    else:
        certificate = chain.leaf
    return _association(certificate, numbers)[:-2 if word == "short" else None]


def _association(certificate, numbers) -> str:
    """RFC 6698 section 2.1.4, in hexadecimal."""
    der = serialization.Encoding.DER
    octets = certificate.public_bytes(der) if numbers[1] == 0 else (
        certificate.public_key().public_bytes(
            der, serialization.PublicFormat.SubjectPublicKeyInfo))
    return {0: octets.hex(), 1: hashlib.sha256(octets).hexdigest(),
            2: hashlib.sha512(octets).hexdigest()}.get(numbers[2], octets.hex())
