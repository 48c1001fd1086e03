"""Words of metric names, and what they say about the values; functions by what they do to a quantity."""

from __future__ import annotations


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


STATES = _set(
    """up down status state ready readiness active success successful healthy health alive enabled disabled running stable
    leader primary master sealed unsealed online offline connected reachable attached synced paused halted readonly alarm fault
    open live
    condition phase loaded taint bool suspend suspended error failed valid locked degraded detected present exists quorate
    pressure deadlocked throttled"""
)
"""Last words of names whose values are states: 0 and 1, or a few numbered ones."""
NUMBERED = _set("state status phase condition severity ordinal")
"""Last words of names that number more than two states."""
PLAIN_STATES = _set("up ready success successful healthy alive enabled leader online")
"""Those that are states even where the limit is a fraction, which elsewhere speaks of a share."""
BAD_COUNTS = _set("failed deadlocked offline down active degraded detected throttled")
"""Last words that count bad things as often as they flag one."""
THINGS_THAT = _set("running online connected")
"""Last words that after a plural say how many do so: `jobs_running`."""
CODES = _set("code ordinal")
"""Last words of names whose values only name something."""
SIGNED = _set("offset skew drift temperature temp celsius fahrenheit delta diff difference balance until dbm db deviation change")
"""Words of what may be negative."""
COUNTED = _set(
    """num number count available avail free remaining left capacity size length len depth bytes byte seconds milliseconds rpm
    ratio percent percentage pct mb gb kb mib gib total space headroom quota limit rate volts watts amperes throughput tokens
    replicas"""
)
"""Words of names that take many values."""
MOMENTS = _set("timestamp time date epoch")
INSTANTS = MOMENTS | _set("last latest heartbeat")
"""Words of instants, where 0 means never; those of MOMENTS say so by themselves."""
FAILURES = _set("failed failure failures fail error errors")
"""Words of what went wrong."""
REALS = _set(
    """bytes byte seconds milliseconds ms ratio percent percentage pct celsius fahrenheit volts watts amperes hertz mb gb kb usage
    utilization utilisation pressure load score latency duration lag delay age weight fraction fragmentation"""
)
"""Words of what is measured, not counted."""
SHARES = _set("ratio percent percentage pct fraction")
"""Words of shares of something."""
SPANS = _set("seconds milliseconds minutes hours days ms s")
"""Units of spans of time."""
NO_PLURALS = _set("status success is has class progress address bus ms https dns tls was process")
"""Words that end in s and are no plural."""
SUFFIXES = _set("value average avg mean max min maximum minimum current gauge")
"""Endings that say how a value came about, not what it is."""

SIGNED_FUNCTIONS = _set("predict_linear ln log2 log10 sin cos tan sinh tanh asin atan")
SPREADS = _set("sum min max avg count group stddev stdvar quantile")
"""Aggregations that have a value wherever one element has."""
ELEMENTWISE = _set(
    """abs round ceil floor sgn exp ln log2 log10 sqrt deg rad sin cos tan asin acos atan sinh cosh tanh sort sort_desc
    clamp_min clamp_max"""
)
"""Functions that keep every element."""
KEPT = _set(
    """last_over_time min_over_time max_over_time round ceil floor clamp clamp_min clamp_max sort sort_desc label_replace
    label_join sgn abs"""
)
"""Functions whose result is of the same sort as their first argument."""
