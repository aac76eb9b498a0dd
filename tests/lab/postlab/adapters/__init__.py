"""The mail servers under test: one module each, told apart by `make(name)`.

An adapter starts its MTA with Postern in its path, takes a message, tells what
became of it, and retries what it holds. See Adapter for the methods.
"""


def names() -> list[str]:
    return ["postfix-pipe", "postfix-lmtp", "postfix-map", "exim", "exim-light", "exim-openssl",
            "sendmail", "sendmail-strict"]


def family(name: str) -> str:
    """The mail server's own name: what `instead` in scenarios.toml goes by."""
    return name.split("-", 1)[0]


def make(name: str):
    """The adapter's class."""
    if name == "postfix-pipe":
        from .postfix_pipe import PostfixPipe  # pylint: disable=C0415
        return PostfixPipe
    if name == "postfix-lmtp":
        from .postfix_lmtp import PostfixLmtp  # pylint: disable=C0415
        return PostfixLmtp
    if name == "postfix-map":
        from .postfix_map import PostfixMap  # pylint: disable=C0415
        return PostfixMap
    if name == "exim":
        from .exim import Exim  # pylint: disable=C0415
        return Exim
    if name == "exim-light":
        from .exim import EximLight  # pylint: disable=C0415
        return EximLight
    if name == "exim-openssl":
        from .exim import EximOpenssl  # pylint: disable=C0415
        return EximOpenssl
    if name == "sendmail":
        from .sendmail import Sendmail  # pylint: disable=C0415
        return Sendmail
    if name == "sendmail-strict":
        from .sendmail import SendmailStrict  # pylint: disable=C0415
        return SendmailStrict
    raise ValueError(f"no adapter {name}; there are: {', '.join(names())}")
