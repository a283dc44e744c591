# Reference values for healthml/metrics/_paired.py: standard errors of AUC, Brier, scaled Brier, O:E,
# calibration slope and net benefit for risks on the same rows, with patients as units.
# Run: Rscript tests/reference/paired_reference.R   (R 4.2, jsonlite, pROC, rms)
# Simulated rows only; the rows are written with the answers.
suppressMessages({library(jsonlite); library(pROC); library(rms)})
set.seed(20240917)

G <- 220
patient <- rep(seq_len(G), times = 1 + rpois(G, 1.2))
n <- length(patient)
u <- rnorm(G)[patient]
x <- rnorm(n) + .5 * u
z <- rnorm(n)
y <- rbinom(n, 1, plogis(-1 + x + .6 * z + .8 * u))
p <- round(plogis(-1.1 + 1.2 * x + .5 * z), 3)      # rounded: ties
q <- round(plogis(-.8 + .7 * x), 4)
thresholds <- round(seq(.1, .4, length.out = 7), 2)   # as written: risks on a threshold are treated
odds <- function(r) qlogis(pmin(pmax(r, 1e-12), 1 - 1e-12))

# rows as units: DeLong, by pROC
rp <- roc(y, p, direction = "<", quiet = TRUE)
rq <- roc(y, q, direction = "<", quiet = TRUE)
test <- roc.test(rp, rq, method = "delong", paired = TRUE)
delong <- list(auc = c(auc(rp), auc(rq)), variance = c(var(rp), var(rq)),
               difference = unname(diff(rev(test$estimate))), z = unname(test$statistic))

# patients as units: Obuchowski 1997 (Biometrics 53:567), written out
placements <- function(r) {
  pos <- r[y == 1]; neg <- r[y == 0]
  list(v10 = sapply(pos, function(a) mean((a > neg) + .5 * (a == neg))),
       v01 = sapply(neg, function(b) mean((pos > b) + .5 * (pos == b))))
}
sums <- function(r) {
  v <- placements(r); a <- mean(v$v10)
  by_patient <- function(values, at) as.numeric(tapply(values - a, factor(at, seq_len(G)), sum,
                                                       default = 0))
  list(auc = a, s10 = by_patient(v$v10, patient[y == 1]), s01 = by_patient(v$v01, patient[y == 0]))
}
covariance <- function(a, b) {
  m <- sum(y); k <- sum(1 - y)
  i10 <- length(unique(patient[y == 1])); i01 <- length(unique(patient[y == 0]))
  i10 / (i10 - 1) * sum(a$s10 * b$s10) / m^2 + i01 / (i01 - 1) * sum(a$s01 * b$s01) / k^2 +
    G / (G - 1) * (sum(a$s10 * b$s01) + sum(a$s01 * b$s10)) / (m * k)
}
sp <- sums(p); sq <- sums(q)
obuchowski <- list(auc = c(sp$auc, sq$auc), variance = c(covariance(sp, sp), covariance(sq, sq)),
  difference = covariance(sp, sp) + covariance(sq, sq) - 2 * covariance(sp, sq))

# calibration slope: sandwich by rows and by patients, by rms
m <- lrm(y ~ l, data.frame(y = y, l = odds(p)), x = TRUE, y = TRUE, tol = 1e-14, eps = 1e-12)
slope <- list(estimate = unname(coef(m)[2]), by_row = unname(sqrt(vcov(robcov(m))[2, 2])),
              by_patient = unname(sqrt(vcov(robcov(m, patient))[2, 2])))

# everything else: bootstrap of whole patients
measures <- function(i) {
  yy <- y[i]; r <- p[i]; s <- q[i]
  brier <- mean((yy - r)^2)
  nb <- function(r) mean(sapply(thresholds, function(t)
    mean(yy == 1 & r >= t) - mean(yy == 0 & r >= t) * t / (1 - t)))
  fast_auc <- function(r) (sum(rank(r)[yy == 1]) - sum(yy) * (sum(yy) + 1) / 2) /
    (sum(yy) * sum(1 - yy))
  scaled <- function(r) 1 - mean((yy - r)^2) / (mean(yy) * (1 - mean(yy)))
  c(auroc = fast_auc(r), brier = brier, scaled_brier = scaled(r),
    oe_ratio = mean(yy) / mean(r), net_benefit = nb(r), auroc_difference = fast_auc(r) - fast_auc(s),
    scaled_brier_difference = scaled(r) - scaled(s), net_benefit_difference = nb(r) - nb(s))
}
rows <- split(seq_len(n), patient)
draws <- replicate(4000, measures(unlist(rows[sample(G, replace = TRUE)])))
write_json(list(
  made_by = paste(R.version.string, "pROC", packageVersion("pROC"), "rms", packageVersion("rms")),
  rows = list(y = y, p = p, q = q, patient = patient), thresholds = thresholds,
  delong = delong, obuchowski = obuchowski, slope = slope,
  estimate = as.list(measures(seq_len(n))), bootstrap_se = as.list(apply(draws, 1, sd))
), "tests/reference/paired_reference.json", digits = NA, auto_unbox = TRUE)
