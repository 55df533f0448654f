"""What a value of a segment depends on, down to the columns of the warehouse."""

from flows.lineage.tracing import Column, Lineage, Shape, trace

__all__ = ["Column", "Lineage", "Shape", "trace"]
