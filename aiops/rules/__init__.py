"""The rules a team already has: alerting rules of Prometheus, and the margins that can be forecast in their place."""
