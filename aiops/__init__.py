"""aiops: a predictive operations daemon whose warnings carry their own track record."""

__version__ = "0.1.0"
