"""One file per step of the line, plain functions over frames; `flows/line.py` joins them in this order."""

ORDER = (
    "segment",
    "eligibility",
    "audience",
    "pressure",
    "relevance",
    "language",
    "next_best",
    "decision",
    "guard",
    "arm",
    "exposure",
    "routing",
    "timing",
    "budgets",
    "crowd",
    "message",
    "claims",
    "delivery",
)
