"""Statistics: from counters of two arms to a verdict. No PromQL and no traffic weights are changed here."""
