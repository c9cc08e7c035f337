"""Datasets of simulations: what a row is, how rows are made, kept, merged and made again."""
