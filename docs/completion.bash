# Bash completion for signsgd. Everything is asked of the program itself, so that it never says what is not so.
# Installed as share/bash-completion/completions/signsgd; or: source docs/completion.bash

_signsgd_commands() {
	"$1" help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  *.*/\1/p'
}

_signsgd_options() {
	"$1" help "$2" 2>/dev/null | sed -n 's/^  -[a-z], \(--[a-z-]*\).*/\1/p; s/^  \(--[a-z-]*\).*/\1/p'
}

_signsgd_families() {
	"$1" list 2>/dev/null | sed -n 's/^\([a-z][a-z-]*\): .*/\1/p'
}

_signsgd_rows() {
	"$1" list "$2" --json 2>/dev/null | sed -n 's/^{"family":"[^"]*","name":"\([^"]*\)".*/\1/p'
}

_signsgd_files() {
	compopt -o filenames 2>/dev/null
	local ending
	mapfile -t COMPREPLY < <(
		compgen -d -- "$1"
		for ending in "${@:2}"; do compgen -f -X "!*.$ending" -- "$1"; done
	)
}

_signsgd_offer() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

# The names before the brackets of 'Figures: NAME (what it is), NAME (what it is). Means are ...'.
_signsgd_figures() {
	"$1" help plot 2>/dev/null | tr '\n' ' ' | sed 's/.*Figures: //; s/([^)]*)//g; s/\..*//; s/,/ /g'
}

# Options of a command that take a value.
_signsgd_with_value() {
	"$1" help "$2" 2>/dev/null | sed -n 's/^  \(-[a-z]\), \(--[a-z-]*\) [A-Z].*/\1 \2/p; s/^  \(--[a-z-]*\) [A-Z].*/\1/p'
}

# How many arguments the command has so far; options and their values are not counted.
_signsgd_position() {
	local i count=0 with_value
	with_value=" $(_signsgd_with_value "${COMP_WORDS[0]}" "${COMP_WORDS[1]}" | tr '\n' ' ') "
	for ((i = 2; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* || $with_value == *" ${COMP_WORDS[i - 1]} "* ]] || count=$((count + 1))
	done
	echo "$count"
}

# Data sets that can be fetched: of those the list says so where none of their files is found.
_signsgd_fetched() {
	SIGNSGD_DATA='' XDG_CACHE_HOME=/dev/null/none "$1" data list 2>/dev/null | sed -n 's/^\([a-z][a-z0-9-]*\) .*data fetch.*/\1/p'
}

_signsgd() {
	local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]-} current=${COMP_WORDS[COMP_CWORD]}
	local previous=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		_signsgd_offer "$(_signsgd_commands "$program") --help --version" "$current"
		return
	fi
	case $previous in
	--backend) _signsgd_offer "$(_signsgd_rows "$program" backends)" "$current"; return ;;
	--transport) _signsgd_offer "$(_signsgd_rows "$program" transports)" "$current"; return ;;
	--topology) _signsgd_offer "star sharded allreduce" "$current"; return ;;
	--aggregator) _signsgd_offer "$(_signsgd_rows "$program" aggregators)" "$current"; return ;;
	--attack) _signsgd_offer "$(_signsgd_rows "$program" attacks)" "$current"; return ;;
	--resume | --replay) _signsgd_files "$current" h5; return ;;
	--data | --to) compopt -o dirnames 2>/dev/null; return ;;
	--out | -o | --o) [ "$command" != keys ] || { compopt -o dirnames 2>/dev/null; return; }
		[ "$command" != table ] || { _signsgd_files "$current" md tex csv txt json; return; }
		[ "$command" != plot ] || { _signsgd_files "$current" png svg pdf; return; }
		[ "$command" != report ] || { _signsgd_files "$current" html; return; }
		_signsgd_files "$current" h5; return ;;
	--x | -x) _signsgd_offer "step epoch wall bytes up down both" "$current"; return ;;
	--y | -y) _signsgd_offer "test_accuracy test_loss train_loss train_accuracy validation_accuracy \
			validation_loss validation_bits test_perplexity train_perplexity \
			test_bits" "$current"; return ;;
	--format) _signsgd_offer "text markdown latex csv json" "$current"; return ;;
	--by) _signsgd_offer "validation" "$current"; return ;;
	--claims) _signsgd_files "$current" json; return ;;
	--band) _signsgd_offer "minmax std t none" "$current"; return ;;
	-*) [[ " $(_signsgd_with_value "$program" "$command" | tr '\n' ' ') " != *" $previous "* ]] || return ;;
	esac
	if [[ $current == -* ]]; then
		_signsgd_offer "$(_signsgd_options "$program" "$command")" "$current"
		return
	fi
	case $command in
	simulate | train | serve | validate | estimate) _signsgd_files "$current" json ;;
	import) if [ "$(_signsgd_position)" -eq 0 ]; then
			_signsgd_offer "byzfl" "$current"
		else
			_signsgd_files "$current" json
		fi ;;
	combine) if [ "$(_signsgd_position)" -eq 0 ]; then
			_signsgd_files "$current" json
		else
			_signsgd_files "$current" h5 json
		fi ;;
	bench) case $(_signsgd_position) in
		0) _signsgd_offer "model round rule step" "$current" ;;
		1) case ${COMP_WORDS[2]} in
			model) _signsgd_offer "$(_signsgd_rows "$program" models)" "$current" ;;
			rule) _signsgd_files "$current" json ;;
			esac ;;
		2) [ "${COMP_WORDS[2]}" != rule ] || _signsgd_files "$current" h5 json ;;
		esac ;;
	claims) [ "$(_signsgd_position)" -ne 0 ] || _signsgd_files "$current" json ;;
	keys) [ "$(_signsgd_position)" -ne 0 ] || _signsgd_offer "new list" "$current" ;;
	show | report | table | best) _signsgd_files "$current" h5 ;;
	help) _signsgd_offer "$(_signsgd_commands "$program")" "$current" ;;
	data) case $(_signsgd_position) in
		0) _signsgd_offer "list fetch pack verify" "$current" ;;
		1) case ${COMP_WORDS[2]} in
			verify) _signsgd_files "$current" h5 ;;
			pack) compopt -o dirnames 2>/dev/null ;;
			fetch) _signsgd_offer "$(_signsgd_fetched "$program")" "$current" ;;
			esac ;;
		esac ;;
	list) case $(_signsgd_position) in
		0) _signsgd_offer "$(_signsgd_families "$program")" "$current" ;;
		1) _signsgd_offer "$(_signsgd_rows "$program" "${COMP_WORDS[2]}")" "$current" ;;
		esac ;;
	plot) if [ "$(_signsgd_position)" -eq 0 ]; then
			_signsgd_offer "$(_signsgd_figures "$program")" "$current"
		else
			_signsgd_files "$current" h5
		fi ;;
	esac
}

complete -F _signsgd signsgd
