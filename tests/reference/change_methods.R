# Wrote tests/reference/change_methods.csv. Base R only, formulas typed from the papers and not
# from a package: one invented sample of 12 pairs, lower is better.
pre <- c(24, 31, 18, 27, 22, 35, 29, 16, 26, 20, 33, 25)
post <- c(12, 30, 17, 14, 23, 20, 11, 19, 25, 8, 33, 24)
m1 <- mean(pre); m2 <- mean(post); s1 <- sd(pre); s2 <- sd(post); rho <- cor(pre, post); r <- 0.86
sem <- s1 * sqrt(1 - r)
jt <- (post - pre) / (sqrt(2) * sem)
en <- (post - (r * (pre - m1) + m1)) / sem
gln <- ((post - m1) - r * (pre - m1)) / (s1 * sqrt(1 - r^2))
r1 <- (s1^2 - sem^2) / s1^2; r2 <- (s2^2 - sem^2) / s2^2
rdd <- (s1^2 * r1 + s2^2 * r2 - 2 * s1 * s2 * rho) / (s1^2 + s2^2 - 2 * s1 * s2 * rho)
ha <- ((post - pre) * rdd + (m2 - m1) * (1 - rdd)) / (sqrt(rdd) * sqrt(2 * sem^2))
write.csv(data.frame(pre, post, m1, m2, s1, s2, rho, r, jt, en, gln, ha), "change_methods.csv",
          row.names = FALSE)
cat(R.version.string, "\n")
