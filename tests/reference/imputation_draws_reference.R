# Conditional draws of one column by mice, and the variance of a random intercept by lme4.
# usage: Rscript imputation_draws_reference.R > imputation_draws_reference.json
suppressMessages({library(mice); library(lme4); library(jsonlite)})
n <- 150
i <- seq_len(n)
# a table anybody can rebuild: no random numbers
x <- sin(i * 1.7) * 2 + i / 50
z <- cos(i * 0.9) + (i %% 7) / 5
y <- 1 + 0.8 * x - 0.5 * z + 1.2 * sin(i * 12.9898) * cos(i * 4.1)
gone <- (i %% 5) == 0
d <- data.frame(y = ifelse(gone, NA, y), x = x, z = z)
draws <- function(method, R = 4000) {
  set.seed(1)
  X <- cbind(x, z)
  f <- switch(method, norm = mice.impute.norm, pmm = mice.impute.pmm)
  M <- replicate(R, as.numeric(f(d$y, !gone, X)))
  list(mean = rowMeans(M), sd = apply(M, 1, sd), sd_of_draw_means = sd(colMeans(M)))
}
site <- i %% 15
effect <- sin(site * 2.3) * 0.7
w <- data.frame(y = y + effect, x = x, z = z, site = site)
model <- lmer(y ~ x + z + (1 | site), w, REML = TRUE)
vc <- as.data.frame(VarCorr(model))
two <- list(tau = vc$sdcor[1], sigma = vc$sdcor[2], coef = unname(fixef(model)),
            se = unname(sqrt(diag(as.matrix(vcov(model))))), effects = ranef(model)$site[, 1])
q <- quickpred(data.frame(y = d$y, x = ifelse(i %% 11 == 0, NA, x), z = z, far = sin(i * 77)))
cat(toJSON(list(versions = list(R = R.version.string, mice = as.character(packageVersion("mice")),
                                lme4 = as.character(packageVersion("lme4"))),
                n = n, norm = draws("norm"), pmm = draws("pmm"), two_level = two,
                quickpred = unname(q)), digits = 8, auto_unbox = TRUE))
