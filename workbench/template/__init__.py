"""Templates: a TOML header, a Jinja2 body, and the pattern language between them."""
