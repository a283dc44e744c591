# Reference values for development_sample_size: the R package pmsampsize (Riley et al., BMJ 2020;368:m441).
# Run: Rscript tests/reference/sample_size_reference.R   (R 4.2, jsonlite, pmsampsize 1.1.3)
# No rows are needed: the sizes follow from what is assumed. A c-statistic is turned into R2 by
# pmsampsize's own simulation of 1e6 patients, so that size agrees to about 2 in 100 only.
suppressMessages({library(jsonlite); library(pmsampsize)})

calls <- list(
  binary_r2 = list(type = "b", csrsquared = .288, parameters = 24, prevalence = .174),
  binary_c = list(type = "b", cstatistic = .89, parameters = 24, prevalence = .174),
  survival = list(type = "s", csrsquared = .051, parameters = 30, rate = .065, timepoint = 2,
                  meanfup = 2.07),
  continuous = list(type = "c", rsquared = .2, parameters = 25, intercept = 1.9, sd = .6),
  binary_shrink = list(type = "b", csrsquared = .1, parameters = 10, prevalence = .05,
                       shrinkage = .95))
answers <- lapply(calls, function(call) {
  found <- do.call(pmsampsize, call)
  list(call = call, sample_size = found$sample_size, events = found$events, EPP = found$EPP,
       results_table = as.data.frame(found$results_table))
})
write_json(c(list(made_by = paste("pmsampsize", packageVersion("pmsampsize"))), answers),
           "tests/reference/sample_size_reference.json", auto_unbox = TRUE, digits = 12,
           null = "null")
