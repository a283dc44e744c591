# Firth's logistic regression by brglm (R 4.2, brglm 0.7.2); Rscript resampling_reference.R > resampling_reference.json
suppressMessages(library(brglm))
i <- 1:40
x1 <- sin(i)
x2 <- (i %% 7) / 3
x3 <- as.numeric(i %% 5 == 0)
y <- as.numeric(sin(1.7 * i) + x1 > 1.1)
sep <- as.numeric(x1 > 0.8)
weight <- 1 + i %% 3
number <- function(v) paste0("[", paste(sprintf("%.10f", v), collapse = ", "), "]")
fit <- function(formula, ...) {
  control <- brglm.control(br.epsilon = 1e-12, br.maxit = 1000)
  coef(brglm(formula, family = binomial, method = "brglm.fit", control.brglm = control, ...))
}
rows <- rep(i, weight)
cat(sprintf('{"plain": %s, "separated": %s, "weighted": %s}\n',
  number(fit(y ~ x1 + x2 + x3)), number(fit(sep ~ x1 + x2)),
  number(fit(y[rows] ~ x1[rows] + x2[rows]))))
