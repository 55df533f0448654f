"""Tables of `[tool.justenough]` that belong to no other part of the program: what may be shown, and how long what is kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from flows.durations import Duration


class Exposure(BaseModel):
    """How many different dimensions a brand may show to one person, over products and channels.

    What people can tell from getting a message (`because`) counts as well; what was shown already costs nothing again. Service
    messages are never stopped, and count.

    Attributes:
        in_30_days: within thirty days.
        in_90_days: within ninety days.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_30_days: int = Field(default=6, ge=0)
    in_90_days: int = Field(default=9, ge=0)


class Retention(BaseModel):
    """How long what names people, or is kept by their keys, is kept at the least; `justenough retain` removes what is older.

    Attributes:
        plans: who was decided for and would get what, from when the plan expires; and files of outcomes in the inbox.
        batches: copies in the outbox, counted from when they must not be loaded any more.
        history: decisions, claims, deliveries and receipts, by keys; longer where something can depend on them still.
        addresses: what was read of addresses, before all of it is read anew.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    plans: Duration = Field(default="14 days", validate_default=True)
    batches: Duration = Field(default="14 days", validate_default=True)
    history: Duration = Field(default="730 days", validate_default=True)
    addresses: Duration = Field(default="30 days", validate_default=True)
