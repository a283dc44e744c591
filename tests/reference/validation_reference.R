# Reference values for healthml.validation.validate on simulated rows with pinned resamples.
# Run: Rscript tests/reference/validation_reference.R   (R 4.2, jsonlite, rms, pROC)
# The rows, the resamples (row numbers from 0) and the folds are written with the answers.
suppressMessages({library(jsonlite); library(rms); library(pROC)})
set.seed(20240611)

G <- 70
patient <- rep(seq_len(G), times = 1 + rpois(G, .9))
n <- length(patient)
u <- rnorm(G)
x <- round(cbind(x1 = u[patient] + .5 * rnorm(n), x2 = rnorm(n), x3 = rnorm(n),
                 x4 = rexp(n)), 3)
y <- rbinom(n, 1, plogis(-.9 + 1.1 * x[, 1] + .6 * x[, 2]))
time <- sample(1000, n)
weight <- round(rexp(n) + .2, 3)
B <- 40

fit_on <- function(i, w = rep(1, length(i)))
  suppressWarnings(glm.fit(cbind(1, x[i, ]), y[i], weights = w, family = binomial(),
                           control = list(epsilon = 1e-14, maxit = 100))$coefficients)
odds_of <- function(b) as.vector(cbind(1, x) %*% b)
area <- function(y, l, w = rep(1, length(y))) {
  higher <- outer(l[y == 1], l[y == 0], function(a, b) (a > b) + .5 * (a == b))
  sum(outer(w[y == 1], w[y == 0]) * higher) / (sum(w[y == 1]) * sum(w[y == 0]))
}
fitted <- function(y, l, w, slope) {
  X <- if (slope) cbind(1, l) else cbind(rep(1, length(y)))
  suppressWarnings(glm.fit(X, y, weights = w, offset = if (slope) NULL else l, family = binomial(),
                           control = list(epsilon = 1e-14, maxit = 100)))
}
measures <- function(y, l, w = rep(1, length(y))) {
  p <- plogis(l); W <- sum(w); m <- sum(w * y) / W
  free <- fitted(y, l, w, TRUE); held <- fitted(y, l, w, FALSE)
  null <- -2 * W * (m * log(m) + (1 - m) * log(1 - m))
  at <- function(t) sum(w * (p >= t) * (y - (1 - y) * t / (1 - t))) / W
  c(auroc = area(y, l, w), brier = sum(w * (y - p)^2) / W,
    scaled_brier = 1 - sum(w * (y - p)^2) / W / (m * (1 - m)),
    log_loss = -sum(w * ifelse(y == 1, log(p), log1p(-p))) / W,
    calibration_slope = unname(free$coefficients[2]),
    calibration_intercept = unname(free$coefficients[1]),
    calibration_in_the_large = unname(held$coefficients[1]),
    oe_ratio = sum(w * y) / sum(w * p),
    nagelkerke_r2_recalibrated =
      (1 - exp((free$deviance - null) / W)) / (1 - exp(-null / W)),
    "net_benefit@0.3" = at(.3))
}
nothing <- function(l) {                      # every outcome with every risk
  p <- plogis(l); pair <- function(f) mean(outer(y, p, f))
  c(auroc = .5, brier = pair(function(a, b) (a - b)^2),
    log_loss = pair(function(a, b) -ifelse(a == 1, log(b), log1p(-b))),
    "net_benefit@0.3" = pair(function(a, b) (b >= .3) * (a - (1 - a) * .3 / .7)))
}

# every column: mean over resamples of the model on its own rows, on all rows, on those left out
by_draws <- function(draws, out_of, w = rep(1, n)) {
  apparent_odds <- odds_of(fit_on(seq_len(n), w)); apparent <- measures(y, apparent_odds, w)
  parts <- lapply(draws, function(i) {
    l <- odds_of(fit_on(i, w[i])); out <- out_of(i)
    list(train = measures(y[i], l[i], w[i]), test = measures(y, l, w),
         out = measures(y[out], l[out], w[out]))
  })
  pick <- function(what) do.call(rbind, lapply(parts, `[[`, what))
  optimism <- colMeans(pick("train") - pick("test"))
  oob <- colMeans(pick("out")); none <- nothing(apparent_odds)[names(apparent)]
  names(none) <- names(apparent)
  rate <- pmin(pmax((oob - apparent) / (none - apparent), 0), 1)
  share <- .632 / (1 - .368 * rate)
  kept <- !is.na(none)
  ends <- apply(pick("train"), 2, quantile, c(.025, .975), type = 7)
  list(apparent = as.list(apparent), corrected = as.list(apparent - optimism), oob = as.list(oob),
       e632 = as.list((.368 * apparent + .632 * oob)[kept]),
       e632plus = as.list(((1 - share) * apparent + share * oob)[kept]),
       none = as.list(none[kept]),
       lower = as.list(ends[1, ] - optimism), upper = as.list(ends[2, ] - optimism))
}

set.seed(7)
draws <- lapply(seq_len(B), function(b) sample(n, replace = TRUE))
by_row <- by_draws(draws, function(i) setdiff(seq_len(n), i))
weighted <- by_draws(draws, function(i) setdiff(seq_len(n), i), weight)

# whole patients; left out are rows of patients of whom no row was drawn
clusters <- lapply(seq_len(B), function(b) {
  drawn <- sample(G, replace = TRUE)
  unlist(lapply(drawn, function(g) which(patient == g)))
})
by_patient <- by_draws(clusters, function(i) which(!patient %in% patient[i]))

# rms, the same resamples
d <- data.frame(y = y, x)
model <- lrm(y ~ x1 + x2 + x3 + x4, d, x = TRUE, y = TRUE, tol = 1e-14, eps = 1e-12, maxit = 50)
set.seed(7)
v <- validate(model, B = B)
set.seed(7)
k <- calibrate(model, B = B)
rms <- list(validate = as.list(v[c("Dxy", "R2", "Intercept", "Slope", "Emax", "B"),
                                 "index.corrected"]),
            calibrate = list(risk = as.vector(k[, "predy"]),
                             apparent = as.vector(k[, "calibrated.orig"]),
                             corrected = as.vector(k[, "calibrated.corrected"])))

# two deals of five folds by whole patients
folds <- t(sapply(1:2, function(r) sample(rep_len(0:4, G))[patient]))
of_folds <- function(r) {
  l <- rep(NA_real_, n)
  for (f in 0:4) l[folds[r, ] == f] <- odds_of(fit_on(which(folds[r, ] != f)))[folds[r, ] == f]
  l
}
odds <- lapply(1:2, of_folds)
each <- function(r, f) { i <- folds[r, ] == f; measures(y[i], odds[[r]][i]) }
all_folds <- do.call(rbind, lapply(1:2, function(r) t(sapply(0:4, function(f) each(r, f)))))
aucs <- all_folds[, "auroc"]; J <- length(aucs)
test <- table(folds[1, ]) ; ratio <- sum(folds >= 0) / (J * n - sum(folds >= 0))
nb <- sqrt((1 / J + ratio) * var(aucs))
# influence curve of the cross-validated AUC (LeDell et al. 2015), first deal
w1 <- 1 / mean(y); w0 <- 1 / mean(1 - y)
squares <- sapply(0:4, function(f) {
  i <- folds[1, ] == f; l <- odds[[1]][i]; e <- y[i]
  above <- sapply(seq_along(l), function(k) if (e[k] == 1)
    w1 * (mean(l[e == 0] < l[k]) - area(e, l)) else w0 * (mean(l[e == 1] > l[k]) - area(e, l)))
  mean(above^2)
})
pooled <- sapply(1:2, function(r) measures(y, odds[[r]]))
cv <- list(within = as.list(colMeans(all_folds)[c("auroc", "brier", "log_loss", "net_benefit@0.3")]),
           pooled = as.list(rowMeans(pooled)), nadeau_bengio = nb,
           nadeau_bengio_ends = mean(aucs) + c(-1, 1) * qt(.975, J - 1) * nb,
           cvauc = mean(aucs[1:5]), cvauc_se = sqrt(mean(squares) / n))

# later rows, judged by the model of the earlier 70%
later <- time >= quantile(time, .7, type = 7)
l <- odds_of(fit_on(which(!later)))
new <- later & !patient %in% patient[!later]
temporal <- list(apparent = as.list(measures(y[!later], l[!later])),
                 all = as.list(measures(y[later], l[later])),
                 new = as.list(measures(y[new], l[new])), n = c(sum(later), sum(new)))

write_json(list(
  rows = list(x = x, y = y, patient = patient, time = time, weight = weight),
  draws = lapply(draws, `-`, 1L), clusters = lapply(clusters, `-`, 1L), folds = folds,
  by_row = by_row, by_patient = by_patient, weighted = weighted, rms = rms, cv = cv,
  temporal = temporal
), "tests/reference/validation_reference.json", digits = NA, auto_unbox = TRUE)
