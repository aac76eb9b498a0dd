"""The mail servers under test: one module each, told apart by `make(name)`.

An adapter starts its MTA with Postern in its path, takes a message, tells what
became of it, and retries what it holds. See PostfixPipe for the methods.
"""


def names() -> list[str]:
    return ["postfix-pipe", "postfix-lmtp"]


def make(name: str):
    """The adapter's class."""
    if name == "postfix-pipe":
        from .postfix_pipe import PostfixPipe  # pylint: disable=C0415
        return PostfixPipe
    if name == "postfix-lmtp":
        from .postfix_lmtp import PostfixLmtp  # pylint: disable=C0415
        return PostfixLmtp
    raise ValueError(f"no adapter {name}; there are: {', '.join(names())}")
