"""The starter ensemble: trained voices, each with a card that says what it learned from and how well."""
