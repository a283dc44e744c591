# Reference values for healthml.imputation: pooling after multiple imputation of simulated rows.
# Run: Rscript tests/reference/pooling_reference.R   (R 4.2, jsonlite, mice 3.15, mitml)
suppressMessages({library(jsonlite); library(mice)})
set.seed(20240815)

n <- 60; m <- 6
age <- round(rnorm(n, 60, 10)); stage <- factor(sample(c("I", "II", "III"), n, TRUE))
bmi <- round(27 + 0.05 * (age - 60) + as.integer(stage) + rnorm(n, 0, 3), 1)
sbp <- round(90 + 0.6 * age + 0.5 * bmi + rnorm(n, 0, 9))
died <- rbinom(n, 1, plogis(-1 + 0.05 * (age - 60) + 0.5 * (as.integer(stage) - 2)))
full <- data.frame(age, stage, bmi, sbp, died)
full$bmi[runif(n) < 0.3] <- NA
full$stage[runif(n) < 0.25] <- NA
full$age[runif(n) < 0.15] <- NA
imp <- mice(full, m = m, maxit = 5, seed = 1, print = FALSE)
tables <- lapply(1:m, function(i) complete(imp, i))

scalar <- function(Q, U, dfcom) {
  p <- pool.scalar(Q, U, n = dfcom, k = 0)
  c(p[c("qbar", "ubar", "b", "t", "df", "r", "fmi")])
}
tidy <- function(fit) {
  s <- summary(pool(fit), conf.int = TRUE)
  cbind(pool(fit)$pooled, se = s$std.error, p = s$p.value, lower = s$`2.5 %`, upper = s$`97.5 %`)
}
test <- function(x) setNames(as.list(as.numeric(x$result)[1:5]),
                             c("statistic", "df1", "df2", "p", "riv"))
compare <- function(big, small) list(
  D1 = test(D1(big, small)),
  D2 = test(D2(big, small, use = "likelihood")),
  D2_wald = test(D2(big, small, use = "wald")),
  D3 = test(D3(big, small)))
fits <- function(f) {
  r <- lapply(tables, f); class(r) <- "list"; as.mira(r)
}

lm1 <- fits(function(d) lm(sbp ~ age + stage + bmi, data = d))
lm0 <- fits(function(d) lm(sbp ~ age, data = d))
glm1 <- fits(function(d) glm(died ~ age + stage, binomial, data = d,
                             control = list(epsilon = 1e-14)))
glm0 <- fits(function(d) glm(died ~ age, binomial, data = d, control = list(epsilon = 1e-14)))
cross <- fits(function(d) lm(sbp ~ age + stage + age:stage, data = d))

# Monte-Carlo error: jackknife over the imputations of everything that is pooled
jackknife <- function(Q, U, dfcom) {
  stat <- function(k) {
    p <- pool.scalar(Q[k], U[k], n = dfcom, k = 0)
    half <- qt(.975, p$df) * sqrt(p$t)
    c(estimate = p$qbar, se = sqrt(p$t), lower = p$qbar - half, upper = p$qbar + half, df = p$df,
      p = 2 * pt(-abs(p$qbar) / sqrt(p$t), p$df))
  }
  l <- sapply(seq_along(Q), function(j) stat(-j))
  as.list(apply(l, 1, function(x) sqrt((length(x) - 1) / length(x) * sum((x - mean(x))^2))))
}
wanted <- function(fmi, m, cv) ceiling(1 + (plogis(qlogis(fmi) + qnorm(.975) * sqrt(2 / m)) / cv)^2 / 2)

Q <- c(0.42, 0.31, 0.55, 0.38, 0.47); U <- c(0.021, 0.019, 0.024, 0.022, 0.020)
auc <- c(0.71, 0.74, 0.69, 0.73, 0.72); auc_var <- c(.0021, .0019, .0022, .0020, .0021)
on_logit <- pool.scalar(qlogis(auc), auc_var / (auc * (1 - auc))^2)
half <- qt(.975, on_logit$df) * sqrt(on_logit$t)
r2 <- pool.r.squared(lm1)

write_json(list(
  tables = tables,
  scalar = list(list(Q = Q, U = U, dfcom = 40, out = scalar(Q, U, 40)),
                list(Q = Q, U = U, dfcom = "Inf", out = scalar(Q, U, Inf)),
                list(Q = rep(.3, 4), U = U[1:4], dfcom = 12, out = scalar(rep(.3, 4), U[1:4], 12)),
                list(Q = rep(.3, 4), U = U[1:4], dfcom = "Inf", out = scalar(rep(.3, 4), U[1:4], Inf))),
  linear = tidy(lm1), logistic = tidy(glm1), interaction = tidy(cross),
  linear_tests = compare(lm1, lm0), logistic_tests = compare(glm1, glm0),
  auc = list(auc = auc, variance = auc_var, estimate = plogis(on_logit$qbar),
             lower = plogis(on_logit$qbar - half), upper = plogis(on_logit$qbar + half),
             df = on_logit$df, fmi = on_logit$fmi),
  r_squared = list(each = sapply(lm1$analyses, function(f) summary(f)$r.squared), n = n,
                   estimate = r2[1, "est"], fmi = r2[1, "fmi"]),
  jackknife = list(Q = Q, U = U, dfcom = 40, out = jackknife(Q, U, 40)),
  wanted = list(fmi = c(.05, .3, .7), m = 10, cv = .05, out = wanted(c(.05, .3, .7), 10, .05))
), "tests/reference/pooling_reference.json", digits = 12, auto_unbox = TRUE)
