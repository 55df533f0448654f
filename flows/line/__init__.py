"""The stages joined, without Prefect: what flows and the command line both call.

A run is `begin`, `plan_part` for each part, `settle`; then `start`, `recall_outdated`, `publish` for each target and brand,
`finish`. Between them go paths and counts only, so each can be a task of its own. A name is imported when it is first asked
for: who checks a workspace does not wait for what delivers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.line.accepting import accept as accept
    from flows.line.acknowledging import acknowledge as acknowledge
    from flows.line.approving import approve as approve
    from flows.line.approving import asked_of as asked_of
    from flows.line.approving import sign as sign
    from flows.line.assessing import assess as assess
    from flows.line.calibrating import accept_weights as accept_weights
    from flows.line.calibrating import calibrate as calibrate
    from flows.line.carrying import carry as carry
    from flows.line.carrying import carry_late as carry_late
    from flows.line.checking import check as check
    from flows.line.choosing import accept_choice as accept_choice
    from flows.line.comparing import compare as compare
    from flows.line.delivering import finish as finish
    from flows.line.delivering import pairs as pairs
    from flows.line.delivering import publish as publish
    from flows.line.delivering import start as start
    from flows.line.explaining import explain as explain
    from flows.line.forgetting import forget as forget
    from flows.line.forgetting import forget_requested as forget_requested
    from flows.line.learning import hear as hear
    from flows.line.learning import hear_waiting as hear_waiting
    from flows.line.learning import learn as learn
    from flows.line.linking import read_link as read_link
    from flows.line.linking import write_link_keys as write_link_keys
    from flows.line.listing import reconcile_list as reconcile_list
    from flows.line.mailing import mail_to as mail_to
    from flows.line.meeting import meet as meet
    from flows.line.planning import begin as begin
    from flows.line.planning import plan_part as plan_part
    from flows.line.previewing import Asked as Asked
    from flows.line.previewing import preview as preview
    from flows.line.previewing import preview_for as preview_for
    from flows.line.previewing import previews as previews
    from flows.line.products import standings as standings
    from flows.line.proposing import proposed as proposed
    from flows.line.proving import prove as prove
    from flows.line.recalling import Which as Which
    from flows.line.recalling import recall as recall
    from flows.line.recalling import recall_now as recall_now
    from flows.line.recalling import recall_outdated as recall_outdated
    from flows.line.request import Delivered as Delivered
    from flows.line.request import Outcome as Outcome
    from flows.line.request import Published as Published
    from flows.line.request import Recalled as Recalled
    from flows.line.request import Request as Request
    from flows.line.request import silent as silent
    from flows.line.responding import respond as respond
    from flows.line.responding import respond_waiting as respond_waiting
    from flows.line.retaining import retain as retain
    from flows.line.reverting import revert as revert
    from flows.line.rotating import rotate as rotate
    from flows.line.running import Way as Way
    from flows.line.running import correct as correct
    from flows.line.running import deliver as deliver
    from flows.line.running import deliver_again as deliver_again
    from flows.line.running import plan as plan
    from flows.line.running import prepare as prepare
    from flows.line.running import recover_now as recover_now
    from flows.line.running import resolve_hold as resolve_hold
    from flows.line.running import restored as restored
    from flows.line.running import run as run
    from flows.line.running import sample as sample
    from flows.line.running import tidy as tidy
    from flows.line.scheduling import calendar as calendar
    from flows.line.settling import complete as complete
    from flows.line.settling import settle as settle
    from flows.line.settling import word_part as word_part
    from flows.line.sharing import leave as leave
    from flows.line.sharing import left_apart as left_apart
    from flows.line.sharing import share_begun as share_begun
    from flows.line.sharing import share_met as share_met
    from flows.line.sharing import take as take
    from flows.line.sharing import travelling as travelling
    from flows.line.sharing import work_on as work_on
    from flows.line.sharing import workspace_of as workspace_of
    from flows.line.surveying import overview as overview
    from flows.line.telling import tell as tell
    from flows.line.telling import tell_all as tell_all
    from flows.line.translating import export_strings as export_strings
    from flows.line.translating import import_strings as import_strings
    from flows.line.wellbeing import left_of as left_of
    from flows.line.wellbeing import waiting_for as waiting_for
    from flows.line.wellbeing import watched as watched

_HOMES = {
    "accepting": ("accept",),
    "acknowledging": ("acknowledge",),
    "assessing": ("assess",),
    "approving": ("approve", "asked_of", "sign"),
    "carrying": ("carry", "carry_late"),
    "scheduling": ("calendar",),
    "calibrating": ("accept_weights", "calibrate"),
    "checking": ("check",),
    "choosing": ("accept_choice",),
    "comparing": ("compare",),
    "delivering": ("finish", "pairs", "publish", "start"),
    "explaining": ("explain",),
    "forgetting": ("forget", "forget_requested"),
    "learning": ("hear", "hear_waiting", "learn"),
    "linking": ("read_link", "write_link_keys"),
    "listing": ("reconcile_list",),
    "mailing": ("mail_to",),
    "meeting": ("meet",),
    "planning": ("begin", "plan_part"),
    "previewing": ("Asked", "preview", "preview_for", "previews"),
    "products": ("standings",),
    "proposing": ("proposed",),
    "proving": ("prove",),
    "recalling": ("Which", "recall", "recall_now", "recall_outdated"),
    "request": ("Delivered", "Outcome", "Published", "Recalled", "Request", "silent"),
    "responding": ("respond", "respond_waiting"),
    "retaining": ("retain",),
    "reverting": ("revert",),
    "rotating": ("rotate",),
    "running": (
        "Way",
        "correct",
        "deliver",
        "deliver_again",
        "plan",
        "prepare",
        "recover_now",
        "resolve_hold",
        "restored",
        "run",
        "sample",
        "tidy",
    ),
    "settling": ("complete", "settle", "word_part"),
    "sharing": ("leave", "left_apart", "share_begun", "share_met", "take", "travelling", "work_on", "workspace_of"),
    "surveying": ("overview",),
    "telling": ("tell", "tell_all"),
    "translating": ("export_strings", "import_strings"),
    "wellbeing": ("left_of", "waiting_for", "watched"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    if name not in _HOME:
        raise AttributeError(name)
    return getattr(import_module(f"flows.line.{_HOME[name]}"), name)
