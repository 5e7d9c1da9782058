# The invented clients of test_dropout_records.py: 90 whose ending is known, 30 still in treatment.
# Somebody still in treatment is at risk after each session but the last: nobody knows yet what
# came instead of the next one.
library(survival)
k <- 0:89
left <- (k %% 30) < rep(c(15, 9, 3), each = 30)
alliance <- c(k, seq(0, 89, length.out = 30))
attended <- c(3 + k %% 9, rep(5, 30))
event <- c(left, rep(FALSE, 30))
known <- rep(c(TRUE, FALSE), c(90, 30))
therapist <- (0:119) %% 12
time <- attended - 3 + known
z <- (alliance - mean(alliance)) / sd(alliance)
fit <- coxph(Surv(time, event) ~ z, ties = "efron", cluster = therapist)
half <- qnorm(.975) * sqrt(fit$var[1, 1] * 12 / 11)
cat(R.version.string, " survival", as.character(packageVersion("survival")), "\n")
cat(format(exp(coef(fit) + c(0, -1, 1) * half), digits = 15), "\n")
