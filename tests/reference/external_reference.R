# Reference values for external validation: rms::val.prob and the closed test of updates
# (Vergouwe et al., Stat Med 2017;36:4529), on simulated rows that are written with the answers.
# Run: Rscript tests/reference/external_reference.R   (R 4.2, jsonlite, rms)
suppressMessages({library(jsonlite); library(rms)})
set.seed(20260313)
exact <- glm.control(epsilon = 1e-14, maxit = 200)
LEVEL <- .05

n <- 800
d <- data.frame(age = round(rnorm(n, 62, 12), 1), motor = sample(1:6, n, TRUE),
                low_pressure = rbinom(n, 1, .2), pupils = sample(c("both", "one", "none"), n, TRUE,
                                                                 c(.6, .25, .15)))
none <- d$pupils == "none"; one <- d$pupils == "one"
# log odds of a model that was fitted elsewhere and knows one more column; three of four sites depart
# from it, each in one way
d$lp <- round(-1.6 + .03 * (d$age - 62) - .35 * (d$motor - 4) + .5 * d$low_pressure + none
              + .5 * rnorm(n), 4)
d$site <- rep(c("as is", "more events", "too extreme", "other effects"), length.out = n)
truth <- with(d, ifelse(site == "as is", lp, ifelse(site == "more events", lp + 1.1,
              ifelse(site == "too extreme", -1 + .2 * lp, lp - 2.5 * none + .06 * (age - 62)))))
d$y <- rbinom(n, 1, plogis(truth))

closed <- function(u) {
  ll <- function(p) sum(u$y * log(p) + (1 - u$y) * log1p(-p))
  updates <- list(intercept = glm(y ~ 1, binomial, u, offset = lp, control = exact),
                  recalibration = glm(y ~ lp, binomial, u, control = exact),
                  revision = glm(y ~ age + motor + low_pressure + pupils + lp, binomial, u,
                                 control = exact))
  loglik <- c(original = ll(plogis(u$lp)), sapply(updates, function(m) as.numeric(logLik(m))))
  lr <- 2 * (loglik[["revision"]] - loglik[1:3])
  df <- updates$revision$rank - c(0, 1, 2)
  p <- pchisq(lr, df, lower.tail = FALSE)
  kept <- which(p >= LEVEL)
  se <- function(m) unname(sqrt(diag(vcov(m))))
  list(n = nrow(u), events = sum(u$y), loglik = as.list(loglik), lr = unname(lr), df = df, p = unname(p),
       decision = if (length(kept)) names(loglik)[kept[1]] else "revision",
       intercept = list(estimate = unname(coef(updates$intercept)), se = se(updates$intercept)),
       recalibration = list(estimate = unname(coef(updates$recalibration)),
                            se = se(updates$recalibration)))
}

stats <- val.prob(plogis(d$lp), d$y, pl = FALSE)
write_json(list(
  made_by = paste(R.version.string, "rms", packageVersion("rms")),
  rows = d, level = LEVEL,
  closed = lapply(split(d, d$site), closed), all_sites = closed(d),
  val_prob = as.list(stats[c("U:Chi-sq", "U:p", "D:Chi-sq", "Brier", "Intercept", "Slope")])
), "tests/reference/external_reference.json", auto_unbox = TRUE, digits = 15, dataframe = "columns")
