# SPDX-License-Identifier: BSD-2-Clause
# dir: where served.dat, rate.dat and capacity.dat are; out: the SVG
set terminal svg size 1200,1080 font "sans,13" background "white"
set output out
set datafile missing "-"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set border 3
set tics nomirror out
set grid ytics lc rgb "#dddddd"
array colour[8] = ["#bbbbbb", "#7f7f7f", "#404040", "#e0a030", "#c05020", "#1060b0", "#0a2f6b", "#60a8e0"]
served = dir."/served.dat"
rate = dir."/rate.dat"
capacity = dir."/capacity.dat"
n = system("head -n 1 ".served." | wc -w") + 0
stats capacity using 2 name "RATE" nooutput
stats capacity using 3 name "CPU" nooutput

set multiplot

set size 1,0.36
set origin 0,0.64
set key outside right top noenhanced
set xtics noenhanced
set yrange [0:105]
set title "Requests served within 3 s, of 1000/s offered, in a SYN flood"
set ylabel "% served"
set xlabel "flood, SYN/s (of own: share of the system's own capacity; full: all that the sender can; no bar: void or not measured)"
plot for [i=2:n] served using i:xtic(1) lc rgb colour[i-1] title columnheader(i)

set size 1,0.34
set origin 0,0.29
set yrange [0:*]
set title "Connections a second, 32 at once, in the same floods"
set ylabel "connections/s"
plot for [i=2:n] rate using i:xtic(1) lc rgb colour[i-1] title columnheader(i)

unset key
unset xlabel
set boxwidth 0.6
set style data boxes
set size 0.5,0.28
set origin 0,0
set title "SYN-ACKs a second from one core, flood alone"
set ylabel "million/s"
if (RATE_records > 0) {
	set xrange [-0.6:RATE_records - 0.4]
	set xtics rotate by -15
	set yrange [0:RATE_max * 1.2]
	plot capacity using 0:2:xtic(1) lc rgb "#1060b0", \
		capacity using 0:2:(sprintf("%.2f", $2)) with labels offset 0,0.7
	set origin 0.5,0
	set title "CPU of an answered SYN, whole receive path"
	set ylabel "ns"
	set yrange [0:CPU_max * 1.2]
	plot capacity using 0:3:xtic(1) lc rgb "#c05020", \
		capacity using 0:3:(sprintf("%.0f", $3)) with labels offset 0,0.7
}
unset multiplot
