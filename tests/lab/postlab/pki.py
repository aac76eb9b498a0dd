"""The test CA: a root, an intermediate, a root nobody trusts, and leaves of every kind.

A *recipe* names a kind of chain ("expired", "self-signed"); `Pki.chain(recipe,
names)` writes key and chain for a server with those names, in the form that
Postfix and Python's ssl both read.
"""

import base64
import datetime
import hashlib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)


def _pem(cert) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)


def spki_sha256(cert) -> str:
    der = cert.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def cert_sha256(cert) -> str:
    return hashlib.sha256(cert.public_bytes(serialization.Encoding.DER)).hexdigest()


class Unreadable:
    """Octets in a certificate's place."""

    def __init__(self, der: bytes):
        self.der = der

    def public_bytes(self, _encoding) -> bytes:
        return (b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(self.der)
                + b"-----END CERTIFICATE-----\n")


@dataclass
class Authority:
    name: str
    key: ec.EllipticCurvePrivateKey
    cert: x509.Certificate


@dataclass
class Chain:
    """What one server presents: key, leaf first, and the files that hold them."""
    key: ec.EllipticCurvePrivateKey
    certs: list
    directory: Path
    name: str
    file: Path = field(init=False)   # leaf, chain
    key_file: Path = field(init=False)
    both: Path = field(init=False)   # key, leaf, chain: for SNI maps

    def __post_init__(self):
        self.file = self.directory / f"{self.name}.chain.pem"
        self.key_file = self.directory / f"{self.name}.key.pem"
        self.both = self.directory / f"{self.name}.both.pem"
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        chain = b"".join(_pem(c) for c in self.certs)
        for path, data in ((self.file, chain), (self.key_file, key), (self.both, key + chain)):
            path.write_bytes(data)

    @property
    def leaf(self):
        return self.certs[0]

    def become(self, other: "Chain") -> None:
        """The server switches to `other`'s key and chain: new files in the old places."""
        self.key, self.certs = other.key, other.certs
        self.__post_init__()


class Pki:
    """Makes and keeps the authorities and chains under `directory`."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.root = self._authority("Lab Root CA", None)
        self.intermediate = self._authority("Lab Intermediate CA", self.root)
        self.unknown = self._authority("Unknown Root CA", None)
        self.partner = self._authority("Partner Root CA", None)
        self.roots_file = directory / "roots.pem"
        self.roots_file.write_bytes(_pem(self.root.cert))
        self.roots_dir = directory / "roots"
        self.roots_dir.mkdir(exist_ok=True)
        (self.roots_dir / "lab-root.pem").write_bytes(_pem(self.root.cert))
        subprocess.run(["openssl", "rehash", str(self.roots_dir)], check=True,
                       capture_output=True)
        self.partner_file = directory / "partner.pem"
        self.partner_file.write_bytes(_pem(self.partner.cert))
        self._keys = {}
        self._chains = {}
        self.recipes = {
            "good": self._good, "wildcard": self._wildcard,
            "wrong-name": lambda n: self._signed(["somebody-else.test"]),
            "expired": lambda n: self._signed(n, start=-90 * DAY, end=-DAY),
            "not-yet-valid": lambda n: self._signed(n, start=DAY, end=90 * DAY),
            "unknown-ca": lambda n: self._signed(n, issuer=self.unknown,
                                                 extra=[self.unknown.cert]),
            "missing-intermediate": lambda n: self._signed(n, extra=[]),
            "cn-only": lambda n: self._signed(n, san=[]),
            "self-signed": self._self_signed,
            "self-signed-expired": lambda n: self._self_signed(n, start=-90 * DAY, end=-DAY),
            "attacker-with-pinned": self._attacker_with_pinned,
            "attacker-with-partner-ca": lambda n: self._signed(
                n, issuer=self.unknown, extra=[self.unknown.cert, self.partner.cert]),
            "partner": lambda n: self._signed(n, issuer=self.partner,
                                              extra=[self.partner.cert]),
            "partner-wrong-name": lambda n: self._signed(
                ["somebody-else.test"], issuer=self.partner, extra=[self.partner.cert]),
            "wrong-name-and-unreadable": self._wrong_name_and_unreadable,
            "cn-and-san": lambda n: self._signed(n[:1], san=n[:1], common_name=n[0]),
            "san-only": lambda n: self._signed(n[:1], san=n[:1], common_name=None),
        }

    def key(self, name: str) -> ec.EllipticCurvePrivateKey:
        """The key of that name; made when first asked for."""
        if name not in self._keys:
            self._keys[name] = ec.generate_private_key(ec.SECP256R1())
        return self._keys[name]

    def chain(self, recipe: str, names: list[str], label: str) -> Chain:
        """The chain by `recipe` for a server called `names`; once made, the same again."""
        if label not in self._chains:
            key, certs = self.recipes[recipe](names)
            self._chains[label] = Chain(key, certs, self.directory, label)
        return self._chains[label]

    def pinned(self, name: str):
        """A self-signed certificate for `name` that no server need ever present."""
        key = self.key(f"pinned {name}")
        return key, self._certify(key, [name], None)

    # Recipes: names -> (key, [leaf, ...])

    def _good(self, names):
        return self._signed(names)

    def _wildcard(self, names):
        return self._signed(["*." + names[0].split(".", 1)[1]])

    def _self_signed(self, names, start=-DAY, end=365 * DAY):
        key = ec.generate_private_key(ec.SECP256R1())
        return key, [self._certify(key, names, None, start=start, end=end)]

    def _attacker_with_pinned(self, names):
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._certify(key, names, None)
        return key, [leaf, self.pinned(names[0])[1]]

    def _wrong_name_and_unreadable(self, _names):
        """The last one has an extension twice: OpenSSL sends it, GnuTLS won't have it."""
        key, certs = self._signed(["somebody-else.test"])
        der = self.intermediate.cert.public_bytes(serialization.Encoding.DER)
        subject_key, authority_key = b"\x06\x03\x55\x1d\x0e", b"\x06\x03\x55\x1d\x23"
        assert der.count(subject_key) == 1
        return key, certs + [Unreadable(der.replace(subject_key, authority_key))]

    def _signed(self, names, issuer=None, extra=None, **how):
        issuer = issuer or self.intermediate
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._certify(key, names, issuer, **how)
        return key, [leaf] + ([self.intermediate.cert] if extra is None else extra)

    def _certify(self, key, names, issuer, san=None, common_name="", start=-DAY,
                 end=365 * DAY):
        if common_name == "":
            common_name = names[0] if san == [] or issuer is None else None
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab receiver")]
        if common_name:
            subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        builder = (
            x509.CertificateBuilder().subject_name(x509.Name(subject))
            .issuer_name(issuer.cert.subject if issuer else x509.Name(subject))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(NOW + start).not_valid_after(NOW + end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        names = names if san is None else san
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        if issuer:
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
                False)
        return builder.sign(issuer.key if issuer else key, hashes.SHA256())

    def _authority(self, name: str, issuer) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Postern lab"),
                             x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = issuer.key if issuer else key
        usage = x509.KeyUsage(False, False, False, False, False, key_cert_sign=True,
                              crl_sign=True, encipher_only=False, decipher_only=False)
        builder = (
            x509.CertificateBuilder().subject_name(subject)
            .issuer_name(issuer.cert.subject if issuer else subject)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 365 * DAY).not_valid_after(NOW + 3650 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        )
        return Authority(name, key, builder.sign(signer, hashes.SHA256()))
