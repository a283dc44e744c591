# Reference values for tests/validation/test_meta.py on simulated studies (no patient's data).
# Run: Rscript tests/reference/meta_reference.R > tests/reference/meta_reference.json
# R 4.2 with metafor, lme4, jsonlite.
suppressMessages({
  library(metafor)
  library(lme4)
  library(jsonlite)
})
set.seed(20240607)
sharp <- list(threshold = 1e-14, maxiter = 100000, tol = 1e-13)

simulated <- function(k, tau, low, high) {
  se <- round(runif(k, low, high), 4)
  list(theta = round(rnorm(k, 0.9, sqrt(tau^2 + se^2)), 4), se = se,
       covariate = round(rnorm(k), 3), second = rbinom(k, 1, 0.5))
}
sets <- list(
  three = simulated(3, 0.5, 0.1, 0.4),
  four_alike = simulated(4, 0, 0.2, 0.4),
  nine = simulated(9, 0.35, 0.05, 0.5),
  forty = simulated(40, 0.15, 0.05, 0.4)
)

fitted <- function(d, method, test) {
  m <- rma(d$theta, sei = d$se, method = method, test = test, control = sharp)
  out <- list(estimate = as.numeric(m$beta), se = m$se, lower = m$ci.lb, upper = m$ci.ub,
              p_value = m$pval, q = m$QE, q_p = m$QEp, i2 = m$I2, h2 = m$H2)
  if (method != "FE") {
    p <- predict(m)
    ci <- confint(m, control = sharp)$random["tau^2", ]
    half <- qt(0.975, m$k - 2) * sqrt(m$tau2 + m$se^2)
    b <- blup(m)
    out <- c(out, list(
      tau2 = m$tau2, se_tau2 = m$se.tau2, tau2_lower = ci[["ci.lb"]], tau2_upper = ci[["ci.ub"]],
      prediction_metafor = c(p$pi.lb, p$pi.ub),
      prediction_t = as.numeric(m$beta) + c(-1, 1) * half,
      blup = b$pred, blup_se = b$se, blup_lower = b$pi.lb, blup_upper = b$pi.ub))
  }
  out
}
regressed <- function(d, method, test) {
  # no intercept in mods: metafor adds it
  m <- rma(d$theta, sei = d$se, mods = cbind(d$covariate, d$second), method = method,
           test = test, control = sharp)
  list(coef = as.numeric(m$beta), se = m$se, lower = m$ci.lb, upper = m$ci.ub,
       p_value = m$pval, tau2 = m$tau2, se_tau2 = m$se.tau2, r2 = m$R2, i2 = m$I2, q = m$QE,
       q_p = m$QEp)
}

everything <- lapply(sets, function(d) {
  out <- list(data = d)
  for (method in c("REML", "DL", "ML", "PM")) for (test in c("knha", "z")) {
    out[[paste(method, test, sep = "_")]] <- fitted(d, method, test)
  }
  out$FE_z <- fitted(d, "FE", "z")
  out
})
for (name in c("nine", "forty")) for (method in c("REML", "DL")) for (test in c("knha", "z")) {
  everything[[name]]$regression[[paste(method, test, sep = "_")]] <-
    regressed(sets[[name]], method, test)
}
level <- rma(sets$nine$theta, sei = sets$nine$se, test = "knha", level = 80, control = sharp)
everything$nine$level_80 <- list(lower = level$ci.lb, upper = level$ci.ub)

# One-stage Poisson with a normal site effect, Laplace's approximation; one site without events
k <- 12
expected <- round(runif(k, 2, 60), 2)
observed <- rpois(k, expected * exp(rnorm(k, 0.2, 0.35)))
expected[5] <- 1.4
observed[5] <- 0
site <- factor(seq_len(k))
fine <- glmerControl(optimizer = "bobyqa", tolPwrss = 1e-14, optCtrl = list(rhoend = 1e-10, maxfun = 1e6))
g <- glmer(observed ~ 1 + (1 | site), offset = log(expected), family = poisson, control = fine)
profile <- suppressMessages(confint(g, parm = "(Intercept)", method = "profile"))
poisson <- list(observed = observed, expected = expected, estimate = as.numeric(fixef(g)),
                tau2 = as.numeric(VarCorr(g)$site), log_likelihood = as.numeric(logLik(g)),
                se = sqrt(vcov(g, use.hessian = TRUE)[1, 1]), lower = profile[1], upper = profile[2])

cat(toJSON(list(software = paste(R.version.string, "metafor", packageVersion("metafor"),
                                 "lme4", packageVersion("lme4")),
                studies = everything, poisson = poisson),
           digits = 12, auto_unbox = TRUE, pretty = TRUE))
