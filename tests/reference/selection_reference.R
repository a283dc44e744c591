# Reference values for validate on a procedure that selects columns: backward elimination by AIC with
# stats::step, repeated in every resample, or done once on all rows (which flatters the model).
# Run: Rscript tests/reference/selection_reference.R   (R 4.2, jsonlite)
# Simulated rows and the resamples (row numbers from 0) are written with the answers.
suppressMessages(library(jsonlite))
set.seed(20260312)
exact <- glm.control(epsilon = 1e-14, maxit = 200)

n <- 120; k <- 8; B <- 40
x <- round(matrix(rnorm(n * k), n, dimnames = list(NULL, paste0("x", seq_len(k)))), 3)
y <- rbinom(n, 1, plogis(-.5 + .8 * x[, 1] - .5 * x[, 2]))
d <- data.frame(y = y, x)
draws <- replicate(B, sample(n, replace = TRUE), simplify = FALSE)

fit <- function(rows, columns) {
  glm(reformulate(columns, "y"), binomial, d[rows, ], control = exact)
}
select <- function(rows) {
  part <- d[rows, ]
  full <- glm(y ~ ., binomial, part, control = exact)
  environment(full$formula) <- environment()
  attr(step(full, direction = "backward", trace = 0)$terms, "term.labels")
}
area <- function(y, p) {
  higher <- outer(p[y == 1], p[y == 0], function(a, b) (a > b) + .5 * (a == b))
  mean(higher)
}
measures <- function(m, rows) {
  p <- unname(predict(m, d[rows, ], type = "response")); y <- d$y[rows]
  slope <- glm(y ~ qlogis(p), binomial, control = exact)
  c(auroc = area(y, p), brier = mean((y - p)^2), calibration_slope = unname(coef(slope)[2]))
}
every <- seq_len(n)
kept <- select(every)
judge <- function(choose) {
  parts <- sapply(draws, function(i) {
    m <- fit(i, choose(i)); measures(m, i) - measures(m, every)
  })
  apparent <- measures(fit(every, kept), every)
  list(apparent = as.list(apparent), corrected = as.list(apparent - rowMeans(parts)))
}
times <- table(factor(unlist(lapply(draws, select)), colnames(x)))
write_json(list(
  made_by = R.version.string, rows = list(x = x, y = y), draws = lapply(draws, function(i) i - 1),
  kept = kept, inside = judge(select), outside = judge(function(i) kept),
  inclusion = as.list(times / B)
), "tests/reference/selection_reference.json", auto_unbox = TRUE, digits = 15)
cat("kept:", kept, "\n")
