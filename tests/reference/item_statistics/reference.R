# answers.csv through R 4.2.2, psych 2.2.9: alpha, then item-rest correlations.
# Cronbach's alpha and item-rest correlations (r.drop) of Shrout & Fleiss 1979, table 2, with psych.
library(psych)
answers <- read.csv("answers.csv")
found <- suppressWarnings(psych::alpha(answers, check.keys = FALSE, warnings = FALSE))
cat("R", as.character(getRversion()), "psych", as.character(packageVersion("psych")), "\n")
cat(sprintf("%.10f", found$total$raw_alpha), "\n")
cat(sprintf("%.10f", found$item.stats$r.drop), "\n")
