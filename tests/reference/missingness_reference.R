# Reference values for healthml/imputation: patterns, pairs and flux of missing cells (mice), and
# Little's MCAR test with means and covariance by a plain EM, pattern by pattern.
# Run: Rscript tests/reference/missingness_reference.R   (R 4.2, jsonlite, mice 3.15)
# Simulated rows only; they are written with the answers.
suppressMessages({library(jsonlite); library(mice)})
set.seed(20261125)

simulate <- function(n, mar) {
  z <- matrix(rnorm(n * 5), n) %*% chol(.4 + diag(.6, 5))
  x <- round(sweep(z, 2, c(1, 12, .2, 30, 5), "*") + 100, 3)
  p <- if (mar) plogis(-1.5 + 1.2 * z[, 1]) else rep(.2, n)
  x[runif(n) < p, 2] <- NA
  together <- runif(n) < .15
  x[together, 3:4] <- NA
  x[runif(n) < .1, 4] <- NA
  x[runif(n) < .05, 5] <- NA
  x[1, ] <- NA                                             # a row without any value
  colnames(x) <- c("age", "sbp", "ph", "bun", "hb")
  as.data.frame(x)
}

little <- function(x, rounds = 5000, tol = 1e-13) {
  x <- as.matrix(x[rowSums(!is.na(x)) > 0, ]); n <- nrow(x); p <- ncol(x)
  key <- apply(is.na(x) + 0, 1, paste, collapse = "")
  groups <- split(seq_len(n), key)
  scale <- apply(x, 2, sd, na.rm = TRUE)
  mu <- colMeans(x, na.rm = TRUE); sigma <- diag(scale^2)
  for (r in seq_len(rounds)) {
    t1 <- numeric(p); t2 <- matrix(0, p, p)
    for (g in groups) {
      m <- is.na(x[g[1], ]); full <- x[g, , drop = FALSE]; left <- matrix(0, p, p)
      if (any(m)) {
        b <- sigma[m, !m, drop = FALSE] %*% solve(sigma[!m, !m, drop = FALSE])
        full[, m] <- t(mu[m] + b %*% (t(full[, !m, drop = FALSE]) - mu[!m]))
        left[m, m] <- sigma[m, m] - b %*% sigma[!m, m]
      }
      t1 <- t1 + colSums(full); t2 <- t2 + crossprod(full) + length(g) * left
    }
    new <- t1 / n; s <- t2 / n - tcrossprod(new)
    done <- max(abs(new - mu) / scale, abs(s - sigma) / tcrossprod(scale)) < tol
    mu <- new; sigma <- s
    if (done) break
  }
  d2 <- sum(sapply(groups, function(g) {
    o <- !is.na(x[g[1], ]); away <- colMeans(x[g, o, drop = FALSE]) - mu[o]
    length(g) * sum(away * solve(sigma[o, o, drop = FALSE], away))
  }))
  df <- sum(sapply(groups, function(g) sum(!is.na(x[g[1], ])))) - p
  list(statistic = d2, df = df, p = pchisq(d2, df, lower.tail = FALSE), patterns = length(groups),
       n = n, mu = unname(mu), sigma = unname(sigma))
}

one <- function(n, mar) {
  x <- simulate(n, mar)
  pattern <- md.pattern(x, plot = FALSE)
  list(rows = lapply(x, identity), pattern = unname(pattern), n_rows = rownames(pattern),
       columns = colnames(pattern), pairs = lapply(md.pairs(x), unname), flux = flux(x),
       little = little(x))
}
answers <- list(mcar = one(300, FALSE), mar = one(400, TRUE))
write_json(answers, "tests/reference/missingness_reference.json", digits = 15, auto_unbox = TRUE,
           na = "null")
