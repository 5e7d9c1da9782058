# omega.csv through R 4.2.2, lavaan 0.6.14, psych 2.2.9: Rscript omega.R > omega_expected.csv
# One factor by maximum likelihood. lavaan on covariances; psych on correlations, where omega.tot
# has the observed variance of the sum below the line.
suppressMessages({library(lavaan); library(psych)})
answers <- read.csv("omega.csv")
items <- names(answers)
fit <- cfa(paste("f =~", paste(items, collapse = " + ")), data = answers, std.lv = TRUE)
loading <- inspect(fit, "est")$lambda; error <- diag(inspect(fit, "est")$theta)
cat("program,statistic,value\n")
cat(sprintf("lavaan,omega,%.10f\n", sum(loading)^2 / (sum(loading)^2 + sum(error))))
one <- suppressMessages(suppressWarnings(fa(cor(answers), nfactors = 1, fm = "ml", n.obs = nrow(answers))))
cat(sprintf("psych,sum_of_uniquenesses,%.10f\n", sum(one$uniquenesses)))
cat(sprintf("psych,omega_standardized,%.10f\n",
            sum(one$loadings)^2 / (sum(one$loadings)^2 + sum(one$uniquenesses))))
