"""Slower models for the few series that deserve them: fitted by worker processes, within a deadline and a budget.

Until an answer is there, and wherever there is none, the first tier speaks.
"""
