"""Backtest: the live path over history."""
