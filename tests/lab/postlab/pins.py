"""What a scenario calls a pin, and the actions between its steps."""

from cryptography.hazmat.primitives import serialization

from .pki import Chain, cert_sha256, spki_sha256


def _certificate(lab, scenario, of: str):
    """The certificate that a scenario's pin is made of."""
    pki, name = lab.world.pki, scenario.receivers[0]
    if of == "server":
        return lab.world.receivers.chain(name).leaf
    if of == "partner-ca":
        return pki.partner.cert
    if of == "appended":
        return pki.pinned(name.host)[1]
    if of == "backup":
        return backup(lab.world, scenario).leaf
    if of == "other":
        return pki.pinned(f"other.{name.host}")[1]
    raise ValueError(f"scenario {scenario.id}: pin of {of!r}")


def backup(world, scenario) -> Chain:
    """What the scenario's first receiver will present after its next change of keys."""
    receiver = scenario.receivers[0]
    return world.pki.chain(receiver.cert, receiver.names, receiver.name + "-backup")


def add(lab, scenario, pin: dict) -> None:
    """`pin-admin pin add`; a ca pin from a file, as it has to be kept whole."""
    certificate = _certificate(lab, scenario, pin["of"])
    kind = pin.get("kind", "spki")
    words = ["pin", "add", scenario.domain, "--kind", kind, "--role", pin.get("role", "active"),
             "--label", pin["of"]]
    if kind == "ca":
        file = lab.home / f"pin-{scenario.id}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        words += ["--from-file", str(file)]
    else:
        digest = spki_sha256 if kind == "spki" else cert_sha256
        words += ["--digest", digest(certificate)]
    lab.admin.must(*words)


def do(lab, scenario, action: str) -> None:
    """An action between two steps of a scenario."""
    if action == "pin server":
        add(lab, scenario, {"of": "server"})
    elif action == "switch to backup":
        lab.world.receivers.chain(scenario.receivers[0]).become(backup(lab.world, scenario))
    else:
        raise ValueError(f"scenario {scenario.id}: no action {action!r}")
