# SPDX-License-Identifier: BSD-2-Clause
# dir: where served.dat and rate.dat are; out: the SVG
set terminal svg size 1100,800 font "sans,12" background "white"
set output out
set multiplot layout 2,1
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set datafile missing "-"
set key outside right top
set grid ytics lc rgb "#dddddd"
set xtics rotate by -20 noenhanced
set key noenhanced
set xlabel "flood: SYN/s, share of the system's own capacity (x), or kind at 100000/s"
set yrange [0:105]
set ylabel "% of 1000 requests/s served within 3 s"
served = dir."/served.dat"
n = system("head -n 1 ".served." | wc -w") + 0
plot for [i=2:n] served using i:xtic(1) title columnheader(i)
set yrange [0:*]
set ylabel "connections a second, 32 at once"
rate = dir."/rate.dat"
plot for [i=2:n] rate using i:xtic(1) title columnheader(i)
unset multiplot
