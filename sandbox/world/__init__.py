"""The seeded portfolio that every sandbox server projects into its own vendor's shapes."""
