"""Why a value is held, in the words of every page that shows one."""

from __future__ import annotations

REASONS = {
    "human_edit": "somebody changed it since Keepwell wrote it",
    "not_ours": "it had a value before Keepwell ever wrote it",
    "in_doubt": "the answer to the last write was lost; the next sync reads it back",
    "undone": "a run was undone, and this is the value that came back",
    "accepted": "it was accepted",
    "reclaimed": "the last plan replaces it",
    "changed_meanwhile": "somebody changed it between the plan and the writing",
    "refused": "the CRM refused it and it is not tried again yet (keepwell failures list)",
}
