# SPDX-License-Identifier: BSD-2-Clause
#
# For gnuplot: a line for each flood, a column for each system; or, with
# plot=capacity, a line for each system.

function floods(part, column, i, j, name) {
	printf "flood"
	for (j = 1; j <= total["systems"]; j++)
		printf " %s", names["systems", j]
	printf "\n"
	for (i = 1; i <= total["floods"]; i++) {
		name = names["floods", i]
		if (name == "none" && part == "in_flood") {
			peace_rates()
			continue
		}
		printf "%s", label(name)
		for (j = 1; j <= total["systems"]; j++)
			printf " %s", number(median(part, name,
						    names["systems", j],
						    column), 1)
		printf "\n"
	}
}

function peace_rates(j) {
	printf "%s", label("none")
	for (j = 1; j <= total["systems"]; j++)
		printf " %s", number(median("peace", "32",
					    names["systems", j], "rate"), 1)
	printf "\n"
}

function label(name) {
	if (name == "none")
		return "\"no flood\""
	if (name + 0 >= 1000)
		return "\"" name / 1000 " k\""
	if (name ~ /^x/)
		return "\"" substr(name, 2) " of own\""
	return name
}

function capacities(i, s) {
	for (i = 1; i <= total["systems"]; i++) {
		s = names["systems", i]
		if (median("capacity", "", s, "rate") != "")
			printf "%s %.3f %.0f\n", s,
			       median("capacity", "", s, "rate") / 1e6,
			       median("capacity", "", s, "cpu")
	}
}

END {
	if (plot == "served")
		floods("served", "served")
	else if (plot == "rate")
		floods("in_flood", "rate")
	else
		capacities()
}
