"""What a run directory has for people and programs beside the run itself."""

from rig import store
from rig.model import Run
from rig.render import document, page, script


def add(run: Run, draft: store.Draft) -> None:
    """Write a run's result and its report page into its directory."""
    draft.add("result.json", document.to_json(run))
    draft.add("report.html", page.render(run, store.Consoles(draft.directory)))


def add_script(run: Run, draft: store.Draft, again: script.Again | None) -> None:
    """Write the script that does a run once more; without `again` it puts it together of kept ones."""
    draft.add("reproduce.sh", script.reproduce(run, again), executable=True)
