# Reference values for healthml/_core: intervals of a proportion, logistic regression, variance
# over patients, quantiles of given resamples. Run: Rscript tests/reference/core_reference.R
# (R 4.2, jsonlite, rms). Simulated rows only; the rows are written with the answers.
suppressMessages({library(jsonlite); library(rms)})
set.seed(20240601)

x <- c(0, 1, 2, 5, 11, 40, 57, 3, 120, 999, 10)
n <- c(12, 7, 35, 5, 30, 80, 57, 1000, 4000, 1001, 20)
level <- c(.95, .95, .90, .95, .99, .95, .95, .95, .95, .80, .95)
wilson <- t(mapply(function(x, n, l)
  suppressWarnings(prop.test(x, n, conf.level = l, correct = FALSE))$conf.int, x, n, level))
exact <- t(mapply(function(x, n, l) binom.test(x, n, conf.level = l)$conf.int, x, n, level))
wald <- t(mapply(function(x, n, l) if (x == 0 || x == n) c(NA, NA) else
  plogis(confint.default(glm(cbind(x, n - x) ~ 1, binomial, epsilon = 1e-13, maxit = 100),
                         level = l)), x, n, level))

rows <- 240
patient <- rep(seq_len(60), each = 4)
u <- rnorm(60)[patient]
X <- cbind(age = round(65 + 12 * rnorm(rows)), lab = round(exp(rnorm(rows)), 3),
           platelets = round(250 + 80 * rnorm(rows)), male = rbinom(rows, 1, .5))
offset <- round(.3 * rnorm(rows), 3)
weight <- round(runif(rows, .2, 3), 2)
y <- rbinom(rows, 1, plogis(-3 + .03 * X[, 1] + .5 * X[, 2] + .8 * u))
tight <- glm.control(epsilon = 1e-13, maxit = 100)
parts <- function(m) {  # vcov() uses the weights of the step before the last: step once more
  m <- suppressWarnings(update(m, start = coef(m)))
  list(coef = unname(coef(m)), vcov = unname(vcov(m)), loglik = as.numeric(logLik(m)))
}
plain <- parts(glm(y ~ X, binomial, control = tight))
offset_weight <- parts(suppressWarnings(  # R warns of "non-integer successes"
  glm(y ~ X, binomial, offset = offset, weights = weight, control = tight)))
offset_weight$loglik <- NULL
offset_only <- parts(glm(y ~ 1, binomial, offset = offset, control = tight))
no_intercept <- parts(glm(y ~ X - 1, binomial, control = tight))
d <- data.frame(y, X)
m <- lrm(y ~ age + lab + platelets + male, d, x = TRUE, y = TRUE, tol = 1e-14, eps = 1e-12)
robust <- unname(vcov(robcov(m, patient)))

draws <- t(replicate(40, sample(rows, replace = TRUE)))
stat <- apply(draws, 1, function(i) mean(X[i, 2]) / sd(X[i, 2]))
estimate <- mean(X[, 2]) / sd(X[, 2])
q <- unname(quantile(stat, c(.05, .95), type = 7))

write_json(list(
  made_by = paste(R.version.string, "rms", packageVersion("rms")),
  intervals = list(x = x, n = n, level = level, wilson = wilson, clopper_pearson = exact,
                   logit_wald = wald),
  logistic = list(X = unname(X), y = y, offset = offset, weight = weight, patient = patient,
                  plain = plain, offset_weight = offset_weight, offset_only = offset_only,
                  no_intercept = no_intercept, robust = robust),
  bootstrap = list(draws = draws - 1L, stat = stat, estimate = estimate, percentile = q,
                   basic = rev(2 * estimate - q), se = sd(stat))
), "tests/reference/core_reference.json", digits = NA, na = "null", auto_unbox = TRUE)
