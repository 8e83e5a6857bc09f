"""From boxes to what is worth telling: pure, synchronous, without a clock of its own."""
