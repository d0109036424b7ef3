"""KPIs: what a portfolio adds up to, in sums that can be taken a slice of accounts at a time."""
