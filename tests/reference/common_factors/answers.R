# Writes answers.json: what R says about clients.csv, ratings.csv and sessions.csv.
# R 4.2.2, lme4 1.1-31, survival 3.5-3, cmprsk 2.2-11, sandwich 3.0-2. Run from this folder.
suppressMessages({library(lme4); library(survival); library(cmprsk); library(sandwich); library(jsonlite)})
options(digits = 15)
d <- read.csv("clients.csv")
d$pre_c <- d$pre - mean(d$pre); d$age_c <- d$age - mean(d$age)
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12, maxfun = 1e5))
nested <- lmer(post ~ pre_c + age_c + (1 | clinic) + (1 | therapist), d, control = tight)
vc <- as.data.frame(VarCorr(nested)); re <- ranef(nested, condVar = TRUE)
share <- function(held, which) {  # REML deviance with one share of the variance held
  dev <- lmer(post ~ pre_c + age_c + (1 | clinic) + (1 | therapist), d, devFunOnly = TRUE)
  optimize(function(o) { other <- o / (1 - o); a <- held * (1 + other) / (1 - held)
    th <- if (which == "therapist") c(a, other) else c(other, a); dev(sqrt(th)) }, c(0, .9), tol = 1e-12)$objective
}
interval <- function(which) {
  best <- REMLcrit(nested); v <- setNames(vc$vcov, vc$grp); s <- v[[which]] / sum(v)
  f <- function(x) share(x, which) - best - qchisq(.95, 1)
  c(s, if (f(1e-12) <= 0) 0 else uniroot(f, c(1e-12, s), tol = 1e-12)$root, uniroot(f, c(s, .6), tol = 1e-12)$root)
}
glmm <- glmer(improved ~ pre_c + (1 | therapist), d, family = binomial, nAGQ = 15,
              control = glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5)))
pr <- confint(glmm, parm = "theta_", quiet = TRUE)
ols <- lm(post ~ pre_c + age_c, d)
r <- read.csv("ratings.csv"); r$t <- log(r$session)
slopes <- lmer(rating ~ t + (t | client), r, control = tight)
sv <- as.data.frame(VarCorr(slopes)); sre <- ranef(slopes, condVar = TRUE)
s <- read.csv("sessions.csv")
last <- s[!rev(duplicated(rev(s$client))), ]
cox <- coxph(Surv(session - 1, session, cause == 1) ~ within + between, s, cluster = therapist, ties = "efron")
ci <- cuminc(last$session, last$cause, cencode = 0)[["1 1"]]; tp <- timepoints(list(`1 1` = ci), 1:12)
ms <- survfit(Surv(session, factor(cause, 0:2)) ~ 1, last)
answers <- list(
  versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")), survival = as.character(packageVersion("survival")),
    cmprsk = as.character(packageVersion("cmprsk")), sandwich = as.character(packageVersion("sandwich"))),
  nested = list(var_therapist = vc$vcov[vc$grp == "therapist"], var_clinic = vc$vcov[vc$grp == "clinic"],
    var_residual = vc$vcov[vc$grp == "Residual"], fixed = unname(fixef(nested)), se = unname(sqrt(diag(as.matrix(vcov(nested))))),
    log_likelihood = as.numeric(logLik(nested)), therapists = re$therapist[[1]], therapist_sds = sqrt(as.numeric(attr(re$therapist, "postVar"))),
    clinics = re$clinic[[1]], clinic_sds = sqrt(as.numeric(attr(re$clinic, "postVar"))),
    share_therapist = interval("therapist"), share_clinic = interval("clinic")),
  logistic = list(fixed = unname(fixef(glmm)), sd = sqrt(VarCorr(glmm)$therapist[1]), log_likelihood = as.numeric(logLik(glmm)), sd_interval = as.numeric(pr)),
  clustered = list(coefficients = unname(coef(ols)), cr0 = unname(sqrt(diag(vcovCL(ols, d$therapist, type = "HC0", cadjust = FALSE)))),
    cr1 = unname(sqrt(diag(vcovCL(ols, d$therapist, type = "HC1"))))),
  slopes = list(fixed = unname(fixef(slopes)), se = unname(sqrt(diag(as.matrix(vcov(slopes))))), sds = sv$sdcor[1:2], correlation = sv$sdcor[3],
    residual_sd = sv$sdcor[4], log_likelihood = as.numeric(logLik(slopes)), client_slopes = sre$client$t + fixef(slopes)[[2]],
    client_slope_sds = sqrt(attr(sre$client, "postVar")[2, 2, ])),
  cox = list(coefficients = unname(coef(cox)), se = unname(sqrt(diag(cox$naive.var))), robust_se = unname(sqrt(diag(cox$var))), log_likelihood = cox$loglik[2]),
  incidence = list(time = 1:12, estimate = as.numeric(tp$est), cmprsk_se = sqrt(as.numeric(tp$var)),
    survival = as.numeric(summary(ms, times = 1:12)$pstate[, 2]), survival_se = as.numeric(summary(ms, times = 1:12)$std.err[, 2]),
    competing = as.numeric(summary(ms, times = 1:12)$pstate[, 3])))
write_json(answers, "answers.json", digits = 12, auto_unbox = TRUE, pretty = FALSE)
