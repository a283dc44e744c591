# Reference values for healthml.fairness on simulated rows: Rscript fairness_reference.R
# R 4.2 or later with pROC and jsonlite. Writes fairness_reference.json beside this file.
suppressMessages({library(pROC); library(jsonlite)})
set.seed(20270)
n <- 420
group <- sample(c("a", "b", "c", "d"), n, TRUE, c(.45, .3, .18, .07))
group[sample(n, 12)] <- NA
lp <- rnorm(n, -1, 1.1)
true <- plogis(lp + ifelse(is.na(group), 0, c(a = 0, b = .5, c = -.4, d = 0)[group]))
y <- rbinom(n, 1, true)
p <- round(plogis(lp), 6)
threshold <- .3
flag <- p >= threshold
level <- ifelse(is.na(group), "missing", group)

wilson <- function(x, m) as.numeric(prop.test(x, m, correct = FALSE)$conf.int)
share <- function(x) list(estimate = mean(x), lower = wilson(sum(x), length(x))[1],
                          upper = wilson(sum(x), length(x))[2], top = sum(x), bottom = length(x))
newcombe <- function(a, b) {  # hybrid score, method 10
  d <- a$estimate - b$estimate
  c(d, d - sqrt((a$estimate - a$lower)^2 + (b$upper - b$estimate)^2),
    d + sqrt((a$upper - a$estimate)^2 + (b$estimate - b$lower)^2))
}
shares <- function(rows) list(
  event_rate = share(y[rows] == 1), flagged_rate = share(flag[rows]),
  sensitivity = share(flag[rows & y == 1]), specificity = share(!flag[rows & y == 0]),
  ppv = share(y[rows & flag] == 1), npv = share(y[rows & !flag] == 0))

poisson_binomial <- function(count, risk) {  # twice the smaller tail, by convolution
  d <- 1
  for (r in risk) d <- c(d * (1 - r), 0) + c(0, d * r)
  min(1, 2 * min(sum(d[1:(count + 1)]), sum(d[(count + 1):length(d)])))
}
out <- list(threshold = threshold, y = y, p = p, group = group, groups = list(), tests = list())
p_wrong <- c()
for (g in sort(unique(level))) {
  rows <- level == g
  s <- shares(rows); r <- shares(!rows)
  curve <- roc(y[rows], p[rows], quiet = TRUE, direction = "<", levels = c(0, 1))
  others <- roc(y[!rows], p[!rows], quiet = TRUE, direction = "<", levels = c(0, 1))
  lo <- glm(y[rows] ~ offset(qlogis(p[rows])), family = binomial, epsilon = 1e-14)
  sl <- glm(y[rows] ~ qlogis(p[rows]), family = binomial, epsilon = 1e-14)
  wald <- function(fit, k) { s <- summary(fit)$coefficients[k, ]
                             as.numeric(s[1] + c(0, -1, 1) * qnorm(.975) * s[2]) }
  p_wrong[g] <- poisson_binomial(sum(y[rows]), p[rows])
  out$groups[[g]] <- list(
    n_samples = sum(rows), n_events = sum(y[rows]), shares = s,
    newcombe = lapply(setNames(names(s), names(s)), function(k) newcombe(s[[k]], r[[k]])),
    auroc = as.numeric(ci.auc(curve, method = "delong"))[c(2, 1, 3)],
    auroc_rest = as.numeric(ci.auc(others, method = "delong"))[c(2, 1, 3)],
    oe_ratio = sum(y[rows]) / sum(p[rows]),
    calibration_in_the_large = wald(lo, 1), calibration_slope = wald(sl, 2),
    p_wrong = as.numeric(p_wrong[g]))
}
tab <- function(flags, rows) table(factor(level[rows]), factor(flags[rows], c(FALSE, TRUE)))
pearson <- function(flags, rows) { k <- suppressWarnings(chisq.test(tab(flags, rows), correct = FALSE))
  list(statistic = as.numeric(k$statistic), df = as.numeric(k$parameter), p_value = k$p.value) }
all <- rep(TRUE, n)
out$tests$event_rate <- pearson(y == 1, all)
out$tests$flagged_rate <- pearson(flag, all)
out$tests$sensitivity <- pearson(flag, y == 1)
out$tests$specificity <- pearson(flag, y == 0)
out$tests$ppv <- pearson(y == 1, flag)
out$holm <- as.list(p.adjust(p_wrong, "holm"))
home <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
write_json(out, file.path(home, "fairness_reference.json"), digits = 12, auto_unbox = TRUE, na = "null")
