# Reference values for healthml/validation: instability of risks, shrinkage factors and the slope of
# out-of-fold risks, for logistic regression by maximum likelihood on given resamples and folds.
# Run: Rscript tests/reference/stability_reference.R   (R 4.2, jsonlite, rms)
# Simulated rows only; rows, resamples and folds are written with the answers.
suppressMessages({library(jsonlite); library(rms)})
set.seed(20241103)

n <- 160; k <- 5; B <- 40
x <- round(matrix(rnorm(n * k), n), 4)
y <- rbinom(n, 1, plogis(-.8 + .9 * x[, 1] - .5 * x[, 2]))
w <- sample(1:3, n, TRUE)
folds <- sample(rep(0:4, length.out = n))
resamples <- replicate(B, sample(n, replace = TRUE), simplify = FALSE)
exact <- glm.control(epsilon = 1e-14, maxit = 100)
d <- data.frame(y = y, x)
fit <- function(rows, weight = rep(1, n)) {
  d$weight <- weight
  glm(y ~ . - weight, binomial, d[rows, ], weights = weight, control = exact)
}
risk <- function(m) unname(predict(m, d, type = "response"))
p <- risk(fit(seq_len(n)))
q <- sapply(resamples, function(rows) risk(fit(rows)))            # one column per bootstrap model

# Riley and Collins 2023
moved <- abs(q - p)
range95 <- apply(q, 1, quantile, c(.025, .975))                   # type 7
switched <- function(t) rowMeans((q > t) != (p > t))
smooth <- function(r) {
  at <- seq(min(r), max(r), length.out = 7)
  curve <- loess(y ~ r, span = .75, degree = 2, surface = "direct", statistics = "approximate")
  list(at = at, height = pmin(pmax(unname(predict(curve, data.frame(r = at))), 0), 1))
}
benefit <- function(r, t) mean(r >= t & y == 1) - mean(r >= t & y == 0) * t / (1 - t)
at <- c(.1, .25, .4)

# shrinkage
recalibrate <- function(r, rows = seq_len(n), weight = rep(1, n)) {
  l <- qlogis(r)
  suppressWarnings(unname(coef(glm(y ~ l, binomial, weights = weight, subset = rows,
                                   control = exact))))
}
slopes <- apply(q, 2, function(r) recalibrate(r)[2])
outside <- sapply(seq_len(B), function(b) recalibrate(q[, b], setdiff(seq_len(n), resamples[[b]]))[2])
full <- lrm(y ~ x, tol = 1e-14, eps = 1e-12)
ratio <- full$stats[["Model L.R."]]; terms <- full$stats[["d.f."]]

# slope of out-of-fold risks, without and with weights
left_out <- function(weight) {
  r <- numeric(n)
  for (f in 0:4) r[folds == f] <- risk(fit(which(folds != f), weight))[folds == f]
  recalibrate(r, weight = weight)
}
shrunk <- function(weight) {
  ab <- left_out(weight)
  plogis(ab[1] + ab[2] * qlogis(risk(fit(seq_len(n), weight))))
}

write_json(list(
  made_by = paste(R.version.string, "rms", packageVersion("rms")),
  rows = list(x = x, y = y, weight = w, fold = folds),
  resamples = lapply(resamples, function(rows) rows - 1),
  risk = p, lower = range95[1, ], upper = range95[2, ], instability = rowMeans(moved),
  mean = mean(moved), highest = max(rowMeans(moved)),
  classification = list(`0.2` = switched(.2), `0.5` = switched(.5)),
  calibration = list(model = smooth(p), first = smooth(q[, 1])),
  net_benefit = list(thresholds = at, model = sapply(at, function(t) benefit(p, t)),
                     first = sapply(at, function(t) benefit(q[, 1], t))),
  slopes = list(all_rows = slopes, out_of_bag = outside),
  heuristic = list(ratio = ratio, parameters = terms, factor = (ratio - terms) / ratio,
                   factor_of_12 = (ratio - 12) / ratio),
  out_of_fold = list(plain = left_out(rep(1, n)), weighted = left_out(w)),
  shrunken = list(plain = shrunk(rep(1, n)), weighted = shrunk(w))
), "tests/reference/stability_reference.json", digits = NA, auto_unbox = TRUE)
