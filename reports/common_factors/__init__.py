"""The common-factors report: a sentence, a plot and a query for each published table.

Knows: `common_factors` tables of a release. The report step imports `page`.
Must not know: how an estimate is made.
"""
