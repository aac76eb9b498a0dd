"""Row 26 once more by Postfix's own smtp(8): do its `dane` and ours say the same?

smtp(8) asks the same resolver for the same zones and speaks to the same servers.
Where the two differ, the scenario says so (`smtp`), and docs/dane.md says why.
"""

from concurrent.futures import ThreadPoolExecutor

from . import messages
from .adapters.postfix_pipe import SECOND_OPINIONS
from .scenarios import fill

PATIENCE = 90


def _level(scenario) -> str:
    """The level of its only line; smtp(8) knows no attributes of ours."""
    words = [fill(line, scenario).split() for line in scenario.policy]
    if len(words) != 1 or len(words[0]) != 2 or scenario.hop:
        return ""
    return words[0][1] if words[0][1] in SECOND_OPINIONS else ""


def run(lab, scenarios: list, tally) -> None:
    """After all of them are over: their servers are as the last step left them."""
    asked = [s for s in scenarios if s.row == 26 and _level(s)]

    def one(scenario):
        want = scenario.smtp or (scenario.steps or [scenario])[-1].expect.result
        mail = messages.compose(SECOND_OPINIONS[_level(scenario)],
                                f"again-{scenario.recipient}@{scenario.domain}", "plain")
        got = lab.world.sender.wait_attempt(lab.world.sender.submit(mail), 1, PATIENCE)
        tally.check(f"{scenario.id:7} smtp(8) at {_level(scenario)}: {scenario.title}",
                    got.result == want, f"{got.result} instead of {want}: {got.text}")

    with ThreadPoolExecutor(len(asked) or 1) as pool:
        for job in [pool.submit(one, s) for s in asked]:
            job.result()
