"""What the alerting rules of a server are heading for: read once, forecast, and ranked by nearness to firing."""
