# Reference values for healthml.validation on simulated pairs with few events: two rows a patient,
# resamples of whole patients pinned, some of them of one class and some separated.
# Run: Rscript tests/reference/scarce_reference.R   (R 4.2, jsonlite, rms)
suppressMessages({library(jsonlite); library(rms)})
set.seed(20240703)

G <- 45
patient <- rep(seq_len(G), each = 2)
n <- length(patient)
u <- rnorm(G)
x <- round(cbind(x1 = u[patient] + .4 * rnorm(n), x2 = rnorm(n), x3 = rnorm(n)), 3)
y <- rbinom(n, 1, plogis(-3.8 + 0.9 * x[, 1]))
stopifnot(length(unique(patient[y == 1])) %in% 3:4)
draws <- lapply(1:120, function(b) {
  drawn <- sample(G, replace = TRUE)
  unlist(lapply(drawn, function(g) which(patient == g)))
})

fit_on <- function(i) suppressWarnings(glm.fit(cbind(1, x[i, ]), y[i], family = binomial(),
                      control = list(epsilon = 1e-14, maxit = 100)))
# separated, all predictors being continuous: nothing is left of the deviance
kind <- sapply(draws, function(i) {
  if (length(unique(y[i])) == 1) return("one class")
  m <- fit_on(i)
  if (m$deviance < 1e-6) "separated" else "fine"
})
rms_fits <- sapply(draws[kind != "one class"], function(i) {
  m <- try(suppressWarnings(lrm.fit(x[i, ], y[i], tol = 1e-9)), silent = TRUE)
  !inherits(m, "try-error") && !isTRUE(m$fail)
})
odds_of <- function(m) as.vector(cbind(1, x) %*% m$coefficients)
measures <- function(y, l) {
  l <- pmin(pmax(l, qlogis(1e-8)), -qlogis(1e-8))   # as healthml keeps risks from 0 and 1
  p <- plogis(l); m <- mean(y); both <- length(unique(y)) == 2
  slope <- if (both) suppressWarnings(glm(y ~ l, family = binomial(), epsilon = 1e-14))
  area <- if (both) mean(outer(l[y == 1], l[y == 0], function(a, b) (a > b) + .5 * (a == b)))
  logs <- -mean(ifelse(y == 1, log(p), log1p(-p)))
  apart <- both && (min(l[y == 1]) > max(l[y == 0]) || max(l[y == 1]) < min(l[y == 0]))
  c(auroc = if (both) area else NA, brier = mean((y - p)^2), log_loss = logs,
    scaled_brier = if (both) 1 - mean((y - p)^2) / (m * (1 - m)) else NA,
    calibration_slope = if (both && !apart) unname(coef(slope)[2]) else NA,
    oe_ratio = mean(y) / mean(p))
}
whole <- odds_of(fit_on(seq_len(n)))
apparent <- measures(y, whole)
parts <- lapply(draws[kind == "fine"], function(i) {
  l <- odds_of(fit_on(i)); out <- which(!patient %in% patient[i])
  list(optimism = measures(y[i], l[i]) - measures(y, l), out = measures(y[out], l[out]))
})
pick <- function(what) do.call(rbind, lapply(parts, `[[`, what))
optimism <- pick("optimism"); out <- pick("out")

# another cohort: pairs again, judged by a frozen model
m <- 400
who <- rep(seq_len(m / 2), each = 2)
v <- rnorm(m / 2)
z <- cbind(x1 = v[who] + .4 * rnorm(m), x2 = rnorm(m))
l <- round(-2.2 + 1.4 * z[, 1] + .3 * z[, 2], 6)
e <- rbinom(m, 1, plogis(-1.6 + 1.0 * z[, 1]))
external <- measures(e, l)
external[["calibration_intercept"]] <- unname(coef(glm(e ~ l, family = binomial(), epsilon = 1e-14))[1])
external[["calibration_in_the_large"]] <-
  unname(coef(glm(e ~ 1, offset = l, family = binomial(), epsilon = 1e-14)))
val <- val.prob(plogis(l), e, pl = FALSE)
smooth <- loess(e ~ plogis(l), degree = 2, control = loess.control(surface = "direct"))
off <- abs(predict(smooth) - plogis(l))
# Huber-White covariance by patient of the recalibration, without a small-sample factor
robust <- robcov(lrm(e ~ l, x = TRUE, y = TRUE, tol = 1e-14, eps = 1e-12, maxit = 50), who)

write_json(list(
  rows = list(x = x, y = y, patient = patient), draws = lapply(draws, `-`, 1L), kind = kind,
  rms_converged = sum(rms_fits), apparent = as.list(apparent),
  optimism_corrected = as.list(apparent - colMeans(optimism, na.rm = TRUE)),
  oob = as.list(colMeans(out, na.rm = TRUE)),
  oob_used = as.list(colSums(!is.na(out))),
  external = list(y = e, logit = l, patient = who, values = as.list(external),
                  eavg = val[["Eavg"]], emax = val[["Emax"]], ici = mean(off),
                  e90 = unname(quantile(off, .9)), slope_se = sqrt(diag(vcov(robust)))[[2]])
), "tests/reference/scarce_reference.json", digits = NA, auto_unbox = TRUE)
cat(table(kind), names(table(kind)), sum(rms_fits), sum(y), "\n")
