"""The library of recordings: a vector store, its ledger, and how both are filled and mended."""
