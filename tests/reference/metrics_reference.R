# Reference values for tests/metrics on simulated rows (no patient's data).
# Run: Rscript tests/reference/metrics_reference.R > tests/reference/metrics_reference.json
# R 4.2 with pROC, rms, mgcv, geepack, jsonlite.
suppressMessages({
  library(pROC)
  library(rms)
  library(mgcv)
  library(geepack)
  library(jsonlite)
})
set.seed(20240601)
n <- 300
patient <- rep(seq_len(n / 2), each = 2)
effect <- rnorm(n / 2, 0, 0.8)[patient]
lp <- rnorm(n, -1, 1.1) + effect
p <- round(plogis(lp), 6)
q <- round(plogis(lp + rnorm(n, 0, 0.9)), 6)
y <- rbinom(n, 1, plogis(0.3 + 0.75 * lp))
w <- rpois(n, 1.2)
rounded <- round(p, 2)
threshold <- 0.3

# Discrimination: pROC
r1 <- roc(y, p, quiet = TRUE)
r2 <- roc(y, q, quiet = TRUE)
paired <- roc.test(r1, r2, method = "delong", paired = TRUE, conf.level = 0.95)
half <- seq_len(n) <= 160
u1 <- roc(y[half], p[half], quiet = TRUE)
u2 <- roc(y[!half], q[!half], quiet = TRUE)
unpaired <- roc.test(u1, u2, method = "delong", paired = FALSE)
partial <- function(focus, limits, correct = FALSE) {
  as.numeric(auc(r1, partial.auc = limits, partial.auc.focus = focus, partial.auc.correct = correct))
}
tied <- roc.test(roc(y, rounded, quiet = TRUE), r2, method = "delong", paired = TRUE)

# Obuchowski 1997, written out from the paper's formulas with double loops
obuchowski <- function(y, p, id, q = p) {  # covariance of the areas of p and q
  kernel <- function(a, b) (a > b) + (a == b) / 2
  events <- which(y == 1); others <- which(y == 0)
  M <- length(events); N <- length(others)
  ids <- unique(id); I <- length(ids)
  sums <- function(p) {
    v10 <- sapply(events, function(i) mean(kernel(p[i], p[others])))
    v01 <- sapply(others, function(j) mean(kernel(p[events], p[j])))
    list(s10 = sapply(ids, function(k) sum(v10[id[events] == k] - mean(v10))),
         s01 = sapply(ids, function(k) sum(v01[id[others] == k] - mean(v10))))
  }
  a <- sums(p); b <- sums(q)
  I10 <- length(unique(id[events])); I01 <- length(unique(id[others]))
  s10 <- I10 / ((I10 - 1) * M) * sum(a$s10 * b$s10)
  s01 <- I01 / ((I01 - 1) * N) * sum(a$s01 * b$s01)
  s11 <- I / (I - 1) * (sum(a$s10 * b$s01) + sum(b$s10 * a$s01))
  s10 / M + s01 / N + s11 / (M * N)
}
apart <- as.numeric(auc(r1) - auc(r2))
clustered_error <- sqrt(obuchowski(y, p, patient) + obuchowski(y, q, patient) -
                          2 * obuchowski(y, p, patient, q))

# Precision and recall, by loops over thresholds
average_precision <- function(y, p) {
  total <- 0; before <- 0
  for (cut in sort(unique(p), decreasing = TRUE)) {
    recall <- mean(p[y == 1] >= cut)
    total <- total + (recall - before) * mean(y[p >= cut]); before <- recall
  }
  total
}
davis_goadrich <- function(y, p) {  # trapezoids one event wide between counts
  tp0 <- 0; fp0 <- 0; area <- 0; previous <- NA
  for (cut in sort(unique(p), decreasing = TRUE)) {
    tp <- sum(p >= cut & y == 1); fp <- sum(p >= cut & y == 0)
    if (tp > tp0) {
      x <- 0:(tp - tp0)
      heights <- (tp0 + x) / (tp0 + x + fp0 + (fp - fp0) * x / (tp - tp0))
      if (is.nan(heights[1])) heights[1] <- heights[2]
      area <- area + sum(head(heights, -1) + tail(heights, -1)) / 2
    }
    tp0 <- tp; fp0 <- fp
  }
  area / sum(y)
}

# Calibration
logit <- qlogis(p)
summaries <- function(curve, p) {
  gap <- abs(curve - p)
  list(ici = mean(gap), e50 = median(gap), e90 = unname(quantile(gap, 0.9)), emax = max(gap),
       eci = mean(gap^2) / mean((mean(y) - p)^2))
}
low <- lowess(p, y, f = 2 / 3, iter = 0, delta = 0.01 * diff(range(p)))
curves <- list(
  loess = fitted(loess(y ~ p, surface = "direct")),
  loess_interpolated = fitted(loess(y ~ p)),
  lowess = approx(low, xout = p, ties = mean)$y,
  rcs3 = fitted(glm(y ~ rcs(logit, 3), family = binomial, control = list(epsilon = 1e-14))),
  rcs5 = fitted(glm(y ~ rcs(logit, 5), family = binomial, control = list(epsilon = 1e-14))),
  pspline = fitted(gam(y ~ s(logit, k = 10), family = binomial))
)
low_tied <- lowess(rounded, y, f = 2 / 3, iter = 0, delta = 0.01 * diff(range(rounded)))
curves_tied <- list(
  loess = fitted(loess(y ~ rounded, surface = "direct")),
  loess_interpolated = fitted(loess(y ~ rounded)),
  lowess = approx(low_tied, xout = rounded, ties = mean)$y
)
# Frequency weights: rows written out
rows <- rep(seq_len(n), w)
loess_weighted <- fitted(loess(y[rows] ~ p[rows], surface = "direct"))
exact <- list(epsilon = 1e-14, maxit = 50)
free <- glm(y ~ logit, family = binomial, control = exact)
large <- glm(y ~ 1, offset = logit, family = binomial, control = exact)
free_weighted <- glm(y ~ logit, family = binomial, weights = w, control = exact)
gee <- geeglm(y ~ logit, family = binomial, id = patient, corstr = "independence",
              control = geese.control(epsilon = 1e-12, maxit = 100))
groups <- length(unique(patient))
sandwich <- gee$geese$vbeta * groups / (groups - 1)
ece <- function(y, p) {
  cut <- cut(p, unique(quantile(p, seq(0, 1, 0.1))), include.lowest = TRUE)
  sum(abs(tapply(y - p, cut, sum))) / length(y)
}
valprob <- val.prob(p, y, pl = FALSE)

# Overall
l <- sum(dbinom(y, 1, p, log = TRUE)); l0 <- sum(dbinom(y, 1, mean(y), log = TRUE))
cox <- 1 - exp(2 * (l0 - l) / n)

# Classification and utility
d <- as.numeric(p >= threshold)
tab <- table(factor(d, 0:1), factor(y, 0:1))
tp <- tab[2, 2]; fp <- tab[2, 1]; fn <- tab[1, 2]; tn <- tab[1, 1]
chance <- sum(rowSums(tab) * colSums(tab)) / n^2
odds <- threshold / (1 - threshold)
cost_ratio <- 1 / odds
cost <- sapply(c(sort(p), 2), function(cut) {
  sum(y == 1 & p < cut) / n * max(cost_ratio, 1) + sum(y == 0 & p >= cut) / n * max(1 / cost_ratio, 1)
})
wilson <- function(x, size) as.numeric(suppressWarnings(prop.test(x, size, correct = FALSE)$conf.int))
influence <- y * d - (1 - y) * d * odds
mover <- function(a, b, la, ua, lb, ub, r) {  # ends of a - b (Zou and Donner 2008)
  a - b + c(-1, 1) * sqrt(c((a - la)^2 + (ub - b)^2 - 2 * r * (a - la) * (ub - b),
                            (ua - a)^2 + (b - lb)^2 - 2 * r * (ua - a) * (b - lb)))
}
net_benefit_ci <- function(tp, fp, odds) {
  a <- tp / n; b <- fp / n; wa <- wilson(tp, n); wb <- odds * wilson(fp, n)
  r <- -sqrt(a * b / ((1 - a) * (1 - b)))
  mover(a, odds * b, wa[1], wa[2], wb[1], wb[2], r)
}
carried <- 0.1  # net benefit at another prevalence
at_carried <- function(tp, fp) {
  wa <- carried * wilson(tp, sum(y)); wb <- odds * (1 - carried) * wilson(fp, sum(1 - y))
  mover(carried * tp / sum(y), odds * (1 - carried) * fp / sum(1 - y),
        wa[1], wa[2], wb[1], wb[2], 0)
}
brier <- (y - p)^2
brier_ci <- mean(brier) * exp(c(-1, 1) * qnorm(0.975) * sd(brier) / sqrt(n) / mean(brier))

out <- list(
  rows = list(y = y, p = p, q = q, rounded = rounded, w = w, patient = patient),
  threshold = threshold,
  discrimination = list(
    auroc = as.numeric(auc(r1)), auroc_rounded = as.numeric(auc(roc(y, rounded, quiet = TRUE))),
    auroc_ci = as.numeric(ci.auc(r1))[c(1, 3)], variance = var(r1),
    variance_rounded = var(roc(y, rounded, quiet = TRUE)), covariance = cov(r1, r2),
    partial_se = partial("se", c(1, 0.8)), partial_sp = partial("sp", c(1, 0.8)),
    partial_middle = partial("se", c(0.7, 0.35)),
    corrected_se = partial("se", c(1, 0.8), TRUE), corrected_sp = partial("sp", c(1, 0.8), TRUE),
    corrected_middle = partial("se", c(0.7, 0.35), TRUE),
    obuchowski = obuchowski(y, p, patient), obuchowski_rounded = obuchowski(y, rounded, patient),
    average_precision = average_precision(y, p),
    average_precision_rounded = average_precision(y, rounded),
    auprc = davis_goadrich(y, p), auprc_rounded = davis_goadrich(y, rounded),
    auroc_weighted = as.numeric(auc(roc(y[rows], p[rows], quiet = TRUE))),
    variance_weighted = var(roc(y[rows], p[rows], quiet = TRUE))
  ),
  paired = list(z = unname(paired$statistic), p = paired$p.value, ci = as.numeric(paired$conf.int)),
  tied = list(z = unname(tied$statistic), p = tied$p.value, ci = as.numeric(tied$conf.int)),
  clustered = list(difference = apart, se = clustered_error),
  unpaired = list(t = unname(unpaired$statistic), df = unname(unpaired$parameter),
                  p = unpaired$p.value),
  calibration = list(
    oe_ratio = sum(y) / sum(p), calibration_in_the_large = unname(coef(large)),
    citl_se = sqrt(vcov(large)[1, 1]), calibration_intercept = unname(coef(free)[1]),
    calibration_slope = unname(coef(free)[2]), se = unname(sqrt(diag(vcov(free)))),
    sandwich_se = unname(sqrt(diag(sandwich))), weighted = unname(coef(free_weighted)),
    ece = ece(y, p), ece_rounded = ece(y, rounded),
    ici_loess_weighted = mean(abs(loess_weighted - p[rows]))
  ),
  curves = lapply(curves, summaries, p = p),
  curves_tied = lapply(curves_tied, summaries, p = rounded),
  valprob = list(Eavg = valprob[["Eavg"]], E90 = valprob[["E90"]], Emax = valprob[["Emax"]],
                 R2 = valprob[["R2"]], Brier = valprob[["Brier"]]),
  overall = list(
    log_likelihood = l, log_loss = -l / n, brier = mean((y - p)^2),
    scaled_brier = 1 - mean((y - p)^2) / (mean(y) * (1 - mean(y))), mcfadden_r2 = 1 - l / l0,
    cox_snell_r2 = cox, nagelkerke_r2 = cox / (1 - exp(2 * l0 / n)),
    nagelkerke_r2_recalibrated = lrm(y ~ logit, eps = 1e-10, tol = 1e-14)$stats[["R2"]],
    discrimination_slope = mean(p[y == 1]) - mean(p[y == 0]),
    mean_absolute_prediction_error = mean(abs(y - p))
  ),
  classification = list(
    accuracy = (tp + tn) / n, balanced_accuracy = (tp / (tp + fn) + tn / (tn + fp)) / 2,
    youden = tp / (tp + fn) + tn / (tn + fp) - 1, dor = tp * tn / (fp * fn),
    kappa = ((tp + tn) / n - chance) / (1 - chance), f1 = 2 * tp / (2 * tp + fp + fn),
    mcc = cor(y, d), sensitivity = tp / (tp + fn), specificity = tn / (tn + fp),
    ppv = tp / (tp + fp), npv = tn / (tn + fn)
  ),
  wilson = list(sensitivity = wilson(tp, tp + fn), ppv = wilson(tp, tp + fp)),
  utility = list(net_benefit = tp / n - fp / n * odds,
                 standardized_net_benefit = (tp / n - fp / n * odds) / mean(y),
                 expected_cost = min(cost),
                 expected_cost_threshold = c(sort(p), 2)[which.min(cost)],
                 net_benefit_se = sd(influence) / sqrt(n)),
  joined = list(net_benefit = net_benefit_ci(tp, fp, odds), carried = at_carried(tp, fp),
                nobody = net_benefit_ci(0, 0, 9), avoided = odds * net_benefit_ci(tn, fn, 1 / odds),
                brier = brier_ci)
)
cat(toJSON(out, digits = 15, auto_unbox = TRUE), "\n")
