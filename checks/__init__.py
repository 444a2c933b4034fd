"""Programs of the lint session: links, language, sources and budgets. Each prints what is wrong and where."""
