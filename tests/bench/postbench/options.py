"""The options that every bench has, in one place."""

import argparse
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]


def parser(name: str, description: str, build: str = "release",
           **numbers: tuple[int, str]) -> argparse.ArgumentParser:
    """`numbers`: option=(default, what it counts)."""
    options = argparse.ArgumentParser(prog=f"tests/bench/{name}", description=description)
    options.add_argument("--bin-dir", default=str(TOP / "build" / build), type=Path,
                         help="the build with Postern's programs (default: %(default)s)")
    for option, (default, what) in numbers.items():
        options.add_argument(f"--{option}", type=int, default=default, metavar="N",
                             help=f"{what} (default: %(default)s)")
    return options
