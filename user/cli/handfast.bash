# SPDX-License-Identifier: BSD-2-Clause
# bash completion for handfast(8)                          -*- shell-script -*-

_handfast_interfaces()
{
	local dev
	for dev in /sys/class/net/*; do
		[ -d "$dev" ] && echo "${dev##*/}"
	done
}

_handfast_words()
{
	local cur=$1
	shift
	mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
}

_handfast()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local commands="attach detach status listeners requests stats features
		help"
	local options="-j --json -p --pretty --bpffs --socket -d --debug
		-V --version -h --help"
	local command="" i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--bpffs | --socket | -m | --mode | --try) i=$((i + 1)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	case $prev in
	--bpffs)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--socket)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-m | --mode)
		_handfast_words "$cur" native skb
		return
		;;
	--try)
		_handfast_words "$cur" 30 60 120
		return
		;;
	esac

	case $command in
	attach) options+=" -m --mode --try --confirm" ;;
	listeners) options+=" -s --stats" ;;
	stats) options+=" -a --all -l --listeners" ;;
	esac
	if [[ $cur == -* ]]; then
		_handfast_words "$cur" "$options"
		return
	fi
	case $command in
	"" | help) _handfast_words "$cur" "$commands" ;;
	attach | detach | features)
		_handfast_words "$cur" "$(_handfast_interfaces)"
		;;
	esac
}

complete -F _handfast handfast
