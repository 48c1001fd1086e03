"""The actions of runbooks, one file each: programs, HTTP, queries, silences, Kubernetes, other automation, waiting, telling."""
