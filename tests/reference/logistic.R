# Wrote tests/reference/logistic.csv: 60 invented rows, and glm()'s coefficients in every row.
set.seed(7)
x1 <- round(rnorm(60), 2); x2 <- round(runif(60, -2, 2), 2)
event <- rbinom(60, 1, plogis(-0.5 + 0.8 * x1 - 0.4 * x2))
fit <- glm(event ~ x1 + x2, family = binomial, control = list(epsilon = 1e-14, maxit = 100))
p <- fitted(fit)
r <- rank(p); n1 <- sum(event); n0 <- sum(1 - event)
auc <- (sum(r[event == 1]) - n1 * (n1 + 1) / 2) / (n1 * n0)
chi <- fit$null.deviance - fit$deviance
write.csv(data.frame(x1, x2, event, b0 = coef(fit)[1], b1 = coef(fit)[2], b2 = coef(fit)[3], auc, chi),
          "logistic.csv", row.names = FALSE)
cat(R.version.string, "\n")
