# Reference values for transforms/{response_surface,truth_and_bias,dependent_correlations}.py.
# Run in this folder: Rscript reference.R > reference.csv
suppressMessages({library(sandwich); library(lme4); library(psych)})
rows <- read.csv("dyads.csv")
options(digits = 12)
say <- function(name, value) cat(name, ",", format(value, digits = 12), "\n", sep = "")
cat("name,value\n")

# --- response surface: one row per dyad, ratings centered on the middle of 0 to 100, per 10 points
d <- aggregate(cbind(client_pomp, therapist_pomp, pre, post, therapist) ~ dyad, rows, mean)
d$C <- (d$client_pomp - 50) / 10
d$T <- (d$therapist_pomp - 50) / 10
fit <- lm(post ~ pre + C + T + I(C^2) + I(C * T) + I(T^2), d)
surface <- rbind(a1 = c(0, 0, 1, 1, 0, 0, 0), a2 = c(0, 0, 0, 0, 1, 1, 1),
                 a3 = c(0, 0, 1, -1, 0, 0, 0), a4 = c(0, 0, 0, 0, 1, -1, 1))
report <- function(prefix, v, df) {
  t <- qt(.975, df)
  for (a in rownames(surface)) {
    est <- sum(surface[a, ] * coef(fit)); se <- sqrt(drop(surface[a, ] %*% v %*% surface[a, ]))
    say(paste0(prefix, a), est); say(paste0(prefix, a, "_low"), est - t * se)
    say(paste0(prefix, a, "_high"), est + t * se)
  }
}
report("clustered_", vcovCL(fit, d$therapist, type = "HC1"), length(unique(d$therapist)) - 1)
report("plain_", vcov(fit), fit$df.residual)
say("b4", coef(fit)[6])
say("r_squared", summary(fit)$r.squared)

# --- truth and bias
m <- tapply(rows$client_pomp, rows$dyad, mean)
rows$within <- rows$client_pomp - m[as.character(rows$dyad)]
rows$between <- m[as.character(rows$dyad)] - mean(m)
rows$judged <- rows$therapist_pomp - mean(m)
mixed <- lmer(judged ~ within + between + (1 | dyad), rows, REML = TRUE, control = lmerControl(
  optimizer = "bobyqa", optCtrl = list(rhobeg = 0.2, rhoend = 1e-12, maxfun = 1e5)))
se <- sqrt(diag(as.matrix(vcov(mixed))))
for (i in 1:3) {
  name <- c("bias", "truth_within", "truth_between")[i]
  say(name, fixef(mixed)[[i]]); say(paste0(name, "_se"), se[[i]])
}
difference <- lm(I(therapist_pomp - client_pomp) ~ 1, d)
say("bias_se_clustered", sqrt(vcovCL(difference, d$therapist, type = "HC1")[1, 1]))
say("bias_se_plain", sqrt(vcov(difference)[1, 1]))
say("tracking_between", cor(d$client_pomp, d$therapist_pomp))
aov_c <- resid(lm(client_pomp ~ factor(dyad), rows)); aov_t <- resid(lm(therapist_pomp ~ factor(dyad), rows))
say("tracking_within", cor(aov_c, aov_t))

# --- Williams: the example of psych's manual, and the two raters of the dyads with outcome
w <- r.test(n = 103, r12 = .4, r13 = .5, r23 = .1)
say("williams_manual_t", w$t); say("williams_manual_p", w$p)
r <- cor(d[, c("client_pomp", "therapist_pomp", "post")])
w <- r.test(n = nrow(d), r12 = r[1, 3], r13 = r[2, 3], r23 = r[1, 2])
say("williams_dyads_t", w$t); say("williams_dyads_p", w$p)
p <- partial.r(d[, c("client_pomp", "therapist_pomp", "post", "pre")], 1:3, 4)
w <- r.test(n = nrow(d) - 1, r12 = p[1, 3], r13 = p[2, 3], r23 = p[1, 2])
say("williams_partial_t", w$t); say("williams_partial_p", w$p)
say("partial_client", p[1, 3])
cat(sprintf("# R %s, sandwich %s, lme4 %s, psych %s\n", getRversion(), packageVersion("sandwich"),
            packageVersion("lme4"), packageVersion("psych")))
