# The analysis of external_validation in R, on simulated rows (no patient's data).
# In the folder notebooks/r: Rscript external_validation.R
# R 4.2 with pROC, rms, metafor and mice; its answers are kept in external_validation.csv.
suppressMessages({
  library(pROC)
  library(rms)
  library(metafor)
  library(mice)
})
rows <- read.csv("patients.csv")
answers <- data.frame(quantity = character(), call = character(), value = numeric())
keep <- function(quantity, call, value) {
  answers[nrow(answers) + 1, ] <<- list(quantity, call, value)
}

# Discrimination
old <- roc(rows$died, rows$old_score, quiet = TRUE)
new <- roc(rows$died, rows$new_score, quiet = TRUE)
keep("AUC of the new score", "pROC::auc", as.numeric(auc(new)))
interval <- ci.auc(new)
keep("AUC, lower", "pROC::ci.auc", interval[1])
keep("AUC, upper", "pROC::ci.auc", interval[3])
paired <- roc.test(new, old, method = "delong", paired = TRUE)
keep("AUC, new minus old", "pROC::roc.test", paired$estimate[[1]] - paired$estimate[[2]])
keep("p-value of that", "pROC::roc.test", paired$p.value)

# Calibration
scores <- val.prob(rows$new_score, rows$died, pl = FALSE)
keep("Brier score", "rms::val.prob", scores[["Brier"]])
keep("calibration intercept", "rms::val.prob", scores[["Intercept"]])
keep("calibration slope", "rms::val.prob", scores[["Slope"]])
smooth <- loess(died ~ new_score, rows, control = loess.control(surface = "direct"))
keep("mean error of calibration (ICI)", "stats::loess", mean(abs(fitted(smooth) - rows$new_score)))
large <- glm(died ~ offset(qlogis(new_score)), binomial, rows)
keep("calibration in the large", "stats::glm", coef(large)[[1]])

# Usefulness, by its definition
threshold <- 0.2
flagged <- rows$new_score >= threshold
benefit <- mean(flagged & rows$died == 1) -
  mean(flagged & rows$died == 0) * threshold / (1 - threshold)
keep("net benefit at 0.2", "by its formula", benefit)

# Over the hospitals: random effects of the logit AUC
sites <- lapply(split(rows, rows$hospital), function(part) {
  area <- roc(part$died, part$new_score, quiet = TRUE)
  a <- as.numeric(auc(area))
  c(logit = qlogis(a), se = sqrt(var(area)) / (a * (1 - a)))
})
sites <- do.call(rbind, sites)
pooled <- rma(sites[, "logit"], sei = sites[, "se"], method = "REML", test = "knha")
keep("AUC over hospitals", "metafor::rma", plogis(pooled$beta[[1]]))
keep("AUC over hospitals, lower", "metafor::rma", plogis(pooled$ci.lb))
keep("AUC over hospitals, upper", "metafor::rma", plogis(pooled$ci.ub))
keep("tau", "metafor::rma", sqrt(pooled$tau2))

# Five imputed tables: an estimate and its squared standard error from each
estimates <- c(0.312, 0.287, 0.335, 0.301, 0.322)
variances <- c(0.0121, 0.0118, 0.0130, 0.0124, 0.0119)
rubin <- pool.scalar(estimates, variances, n = nrow(rows), k = 1)
keep("pooled estimate", "mice::pool.scalar", rubin$qbar)
keep("its standard error", "mice::pool.scalar", sqrt(rubin$t))
keep("its degrees of freedom", "mice::pool.scalar", rubin$df)

answers$value <- signif(answers$value, 12)
write.csv(answers, "external_validation.csv", row.names = FALSE)
