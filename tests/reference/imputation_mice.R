# Completes amputed tables by mice's defaults, for the coverage simulation.
# usage: Rscript imputation_mice.R in.csv out.csv m maxit seed factors ordered   ("-" for none)
suppressMessages(library(mice))
a <- commandArgs(TRUE)
d <- read.csv(a[1], na.strings = "")
parts <- function(s) if (s == "-") character(0) else strsplit(s, ",")[[1]]
for (f in parts(a[6])) d[[f]] <- factor(d[[f]], ordered = f %in% parts(a[7]))
out <- lapply(split(d, d$sim), function(x) {
  s <- x$sim[1]
  x$sim <- NULL
  x <- droplevels(x)
  im <- suppressWarnings(mice(x, m = as.integer(a[3]), maxit = as.integer(a[4]),
                              seed = as.integer(a[5]) + s, printFlag = FALSE))
  do.call(rbind, lapply(seq_len(im$m), function(k) cbind(complete(im, k), sim = s, imp = k)))
})
write.csv(do.call(rbind, out), a[2], row.names = FALSE)
