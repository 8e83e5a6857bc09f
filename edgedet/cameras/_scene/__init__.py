"""The synthetic world behind `type: synthetic`: who walks where, what it looks like, and what is true about it."""
