# Reads tables with R alone and compares them with the expected ones: tables.R FOLDER EXPECTED
arguments <- commandArgs(trailingOnly = TRUE)
read <- function(name, ...) {
  read.csv(file.path(arguments[1], name), colClasses = "character", encoding = "UTF-8", ...)
}
expected <- function(name) {
  read.csv(file.path(arguments[2], name), colClasses = "character", encoding = "UTF-8")
}
sorted <- function(rows) {
  rows <- rows[do.call(order, rows), ]
  rownames(rows) <- NULL
  rows
}
for (view in c("users-per-lau", "number-of-events-per-hour")) {
  table <- c("users-per-lau" = "agg_users_per_lau_per_day.csv",
             "number-of-events-per-hour" = "agg_events_per_hour.csv")[[view]]
  rows <- sorted(expected(table))
  stopifnot(nrow(rows) > 0)
  # gzip is recognized by its first bytes
  stopifnot(identical(sorted(read(paste0(view, ".csv"))), rows))
  stopifnot(identical(sorted(read(paste0(view, ".csv.gz"))), rows))
  stopifnot(identical(sorted(read(paste0(view, ".tsv"), sep = "\t")), rows))
}
hours <- read.csv(file.path(arguments[1], "number-of-events-per-hour.csv"))
times <- as.POSIXct(hours$hour, tz = "UTC")
stopifnot(is.integer(hours$event_count), !anyNA(times), format(times[1], "%H:%M") == "03:00")
cat(R.version.string, "reads CSV, TSV and compressed CSV\n")
