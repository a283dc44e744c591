# Reference values for tests/validation/test_internal_external.py on simulated sites (no patient's
# data). Run: Rscript tests/reference/internal_external_reference.R > (the same name).json
# R 4.2 with metafor, pROC, jsonlite.
suppressMessages({
  library(metafor)
  library(pROC)
  library(jsonlite)
})
set.seed(20240608)
sharp <- list(threshold = 1e-14, maxiter = 100000)
size <- c(160, 140, 120, 120, 100, 90, 70)
site <- rep(LETTERS[seq_along(size)], size)
n <- length(site)
x1 <- round(rnorm(n), 4)
x2 <- round(rnorm(n), 4)
shift <- rnorm(length(size), 0, 0.5)[as.integer(factor(site))]
y <- rbinom(n, 1, plogis(-0.8 + shift + 0.9 * x1 - 0.5 * x2))
d <- data.frame(site, x1, x2, y)

one <- function(s) {
  fit <- glm(y ~ x1 + x2, binomial, d[d$site != s, ], epsilon = 1e-14)
  test <- d[d$site == s, ]
  lp <- predict(fit, test)
  p <- plogis(lp)
  r <- roc(test$y, p, quiet = TRUE, direction = "<")
  a <- as.numeric(auc(r))
  slope <- glm(y ~ lp, binomial, data.frame(y = test$y, lp = lp), epsilon = 1e-14)
  large <- glm(y ~ 1, binomial, data.frame(y = test$y), offset = lp, epsilon = 1e-14)
  o <- sum(test$y); e <- sum(p)
  list(site = s, auroc = a, auroc_se = sqrt(var(r)) / (a * (1 - a)),
       oe_ratio = o / e, oe_ratio_se = sqrt((1 - o / nrow(test)) / o),
       calibration_slope = coef(slope)[[2]], calibration_slope_se = sqrt(vcov(slope)[2, 2]),
       calibration_in_the_large = coef(large)[[1]],
       calibration_in_the_large_se = sqrt(vcov(large)[1, 1]))
}
sites <- lapply(unique(site), one)
column <- function(name) sapply(sites, function(s) s[[name]])
scales <- list(auroc = list(qlogis, plogis), oe_ratio = list(log, exp),
               calibration_slope = list(identity, identity),
               calibration_in_the_large = list(identity, identity))
pooled <- lapply(setNames(names(scales), names(scales)), function(m) {
  there <- scales[[m]][[1]]; back <- scales[[m]][[2]]
  fit <- rma(there(column(m)), sei = column(paste0(m, "_se")), method = "REML", test = "knha",
             control = sharp)
  half <- qt(0.975, fit$k - 2) * sqrt(fit$tau2 + fit$se^2)
  list(estimate = back(as.numeric(fit$beta)), lower = back(fit$ci.lb), upper = back(fit$ci.ub),
       prediction = back(as.numeric(fit$beta) + c(-1, 1) * half), tau2 = fit$tau2, i2 = fit$I2)
})
cat(toJSON(list(software = paste(R.version.string, "metafor", packageVersion("metafor"), "pROC",
                                 packageVersion("pROC")),
                data = d, sites = sites, pooled = pooled),
           dataframe = "columns", digits = 12, auto_unbox = TRUE))
