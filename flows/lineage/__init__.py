"""What a value of a segment depends on, down to the columns of the warehouse, and what that makes it show."""

from flows.lineage.relations import Column, Lineage
from flows.lineage.shape import Shape, shape_of
from flows.lineage.tracing import check_shared, trace
from flows.lineage.verifying import Verified, dimensions, verify, verify_audience, verify_customers

__all__ = [
    "Column",
    "Lineage",
    "Shape",
    "Verified",
    "check_shared",
    "dimensions",
    "shape_of",
    "trace",
    "verify",
    "verify_audience",
    "verify_customers",
]
