"""What is told to us, by its names: what people say and what becomes of addresses, and what becomes of batches."""

from __future__ import annotations

from typing import Literal

Said = Literal["no", "yes", "pending", "snooze", "bounced", "complained"]
Told = Literal["loaded", "sent", "failed", "lapsed"]
