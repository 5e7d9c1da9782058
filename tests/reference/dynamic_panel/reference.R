# panel.csv through R 4.2.2, plm 2.6-2: Rscript reference.R > answers.csv
# Arellano-Bond, one step, first differences, lags 2 to 4 of both, collapsed; errors by vcovHC.
suppressMessages(library(plm))
rows <- read.csv("panel.csv")
# The alliance of a session follows the outcome of the same one: "ahead" is its lag 1. The last
# entry of a client is never used and only must not be missing.
rows$ahead <- ave(rows$outcome, rows$client, FUN = function(x) c(x[-1], 0))
rows$step <- rows$session
panel <- pdata.frame(rows, index = c("client", "session"))
direction <- function(name, formula) {
  fit <- pgmm(formula, data = panel, effect = "individual", model = "onestep",
              transformation = "d", collapse = TRUE)
  robust <- vcovHC(fit)
  say <- function(what, value) cat(sprintf("%s,%s,%.12g\n", name, what, value))
  say("persistence", coef(fit)[1]); say("slope", coef(fit)[2])
  say("persistence_se", sqrt(robust[1, 1])); say("slope_se", sqrt(robust[2, 2]))
  say("serial_p", mtest(fit, order = 2, vcov = robust)$p.value)
  say("overidentified_p", sargan(fit, weights = "twosteps")$p.value)
}
cat("direction,what,value\n")
direction("alliance_to_symptom",
          outcome ~ lag(outcome, 1) + lag(alliance, 1) + step |
            lag(outcome, 2:4) + lag(alliance, 2:4))
direction("symptom_to_alliance",
          alliance ~ lag(alliance, 1) + lag(ahead, 1) + step |
            lag(alliance, 2:4) + lag(ahead, 2:4))
