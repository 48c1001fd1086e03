"""Early warnings: the symptoms of one entity become one episode with a life cycle."""
