"""What the accounts add up to over a week, a month, a quarter or a year, as documents that anything can show."""
