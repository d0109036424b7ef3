"""The tutorial and the how-to guides, typed exactly as they stand there, in folders of their own."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.flow.typed import ROOT, blocks, elsewhere, free_port, not_seen, serving, typed, with_tools
from tests.services import absent

TUTORIAL = "docs/tutorial.md"
# In this order, in one folder: a page must not need another one, and leaves a store that the next can work with.
GUIDES = (
    "undo", "failures", "conflicts", "schedule", "backfill", "rotate-a-credential", "migrate-from-a-spreadsheet",
    "at-3-am", "backup-and-postgresql", "write-a-framework", "add-a-connector",
)  # fmt: skip
IN_HUBSPOT = """curl -sSf http://127.0.0.1:8701/_sandbox/edit \
  -d '{"object": "companies", "id": "10000000014", "properties": {"cs_lifecycle_stage": "pre_sale"}}'
"""
IN_SALESFORCE = """curl -sSf http://127.0.0.1:8702/_sandbox/edit \
  -d '{"object": "Account", "id": "001kW0000000002QAA", "properties": {"CS_Segment__c": "strategic"}}'
"""
REFUSED = """curl -sSf http://127.0.0.1:8702/_sandbox/rules \
  -d '{"object": "Account", "field": "CS_Segment__c", "message": "Ask sales first"}'
keepwell conflicts reclaim --all
"""
RUN = "keepwell sync || test $? = 3\n"
HAPPENED = {
    ("conflicts", 0): IN_HUBSPOT + RUN,
    ("failures", 0): IN_SALESFORCE + RUN + REFUSED + RUN,
    ("backup-and-postgresql", 2): IN_SALESFORCE,
}
"""What happened before somebody typed a block of a page, by its number."""


def test_the_tutorial(tmp_path: Path) -> None:
    environment, ports = with_tools(tmp_path), {"8701": free_port(), "8702": free_port()}
    (served,) = blocks(TUTORIAL, "sh sandbox")
    session = elsewhere("".join(blocks(TUTORIAL, "sh session")), ports)
    folder, portal, org = (tmp_path / name for name in ("empty", "portal", "org"))
    for one in (folder, portal, org):
        one.mkdir()
    with serving(elsewhere(served, ports), environment, folder):
        shown = typed(session, environment, folder)
    assert not_seen(TUTORIAL, shown) == [], shown
    with serving(elsewhere(served, ports), environment, portal):
        typed(_own("sh portal", ports), environment, portal)
        typed(_own("sh org", ports) + "keepwell doctor\n", environment, org)
    looked_at = free_port()
    (dashboard,) = blocks(TUTORIAL, "sh dashboard")
    typed_before = environment | dict(re.findall(r"^export (\w+)=(\S+)$", session, re.MULTILINE))
    typed_before["HUBSPOT_ACCESS_TOKEN"] = "unused: the pages come from the store"
    with (
        serving(dashboard.replace("8400", looked_at), typed_before, folder),
        urlopen(f"http://127.0.0.1:{looked_at}/accounts.json", timeout=20) as page,
    ):
        assert json.load(page)["matching"] > 30


def _own(kind: str, ports: dict[str, str]) -> str:
    """What the tutorial types against a CRM of one's own, led to the sandbox."""
    text = "".join(blocks(TUTORIAL, kind))
    for written, here in {
        "pat-…": "pat-na1-00000000-0000-4000-8000-000000000001",
        "SALESFORCE_CONSUMER_KEY=…": "SALESFORCE_CONSUMER_KEY=sandbox-consumer-key",
        "SALESFORCE_CONSUMER_SECRET=…": "SALESFORCE_CONSUMER_SECRET=sandbox-consumer-secret",
        "keepwell init --no-salesforce": f"keepwell init --no-input --no-salesforce --hubspot-url {_at(ports['8701'])}",
        "keepwell init --no-hubspot": "keepwell init --no-input --no-hubspot",
        "https://acme.my.salesforce.com": _at(ports["8702"]),
    }.items():
        text = text.replace(written, here)
    return text


def _at(port: str) -> str:
    return f"http://127.0.0.1:{port}"


def test_the_tutorial_asks_for_the_scopes_of_the_connector() -> None:
    named = set(re.findall(r"^\| `(crm[a-z._]+|tickets)` \|", (ROOT / TUTORIAL).read_text("utf-8"), re.MULTILINE))
    connect = (ROOT / "docs/connectors/hubspot.md").read_text("utf-8")
    asked = connect.split("Scopes:")[1].split("With `oauth`")[0]
    assert named == set(re.findall(r"`(crm[a-z._]+|tickets)`", asked)) - {"crm.objects.feedback_submissions.read"}


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a store that has been synced once, and the CRMs beside it."""

    folder: Path
    environment: dict[str, str]
    ports: dict[str, str]

    def typed(self, text: str) -> str:
        """What somebody types there."""
        return typed(elsewhere(text, self.ports), self.environment, self.folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """After a first run."""
    root = tmp_path_factory.mktemp("guides")
    folder = root / "work"
    folder.mkdir()
    begin = "".join(blocks(TUTORIAL, "sh session")).split("keepwell doctor")[0]
    given = dict(re.findall(r"^export (\w+)=(\S+)$", begin, re.MULTILINE))
    made = Place(folder, with_tools(root) | given, {"8701": free_port(), "8702": free_port()})
    (served,) = blocks(TUTORIAL, "sh sandbox")
    with serving(elsewhere(served, made.ports).replace("--accounts 40", "--accounts 20"), made.environment, folder):
        made.typed(f"{begin}keepwell fields apply\nkeepwell sync\n")
        yield made


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide(place: Place, name: str) -> None:
    page = f"docs/howto/{name}.md"
    session = "".join(
        HAPPENED.get((name, number), "") + block for number, block in enumerate(blocks(page, "sh session"))
    )
    if "sqlite3 " in session and shutil.which("sqlite3") is None:
        absent("the page types sqlite3, which is not installed (apt-get install sqlite3)")
    shown = place.typed(session) if session else ""
    assert not_seen(page, shown) == [], shown


def test_every_guide_is_typed() -> None:
    assert sorted(GUIDES) == sorted(path.stem for path in (ROOT / "docs" / "howto").glob("*.md"))
