"""What a value of a segment depends on, down to the columns of the warehouse, and what that makes it show."""

from flows.lineage.shape import Shape, shape_of
from flows.lineage.tracing import Column, Lineage, trace
from flows.lineage.verifying import Verified, dimensions, verify

__all__ = ["Column", "Lineage", "Shape", "Verified", "dimensions", "shape_of", "trace", "verify"]
