# Completes headstart in bash, 3.2 and newer; `headstart completion bash` prints it.

_headstart() {
	local IFS=$'\n' word line kind='' ending i words=() cut=''
	COMPREPLY=()
	# A flag and its value, --flag=value, are three words where = divides words.
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = && ${#words[@]} -gt 0 && ${words[${#words[@]} - 1]} == -* ]]; then
			words[${#words[@]} - 1]+==
			cut=${words[${#words[@]} - 1]}
		elif [[ -n $cut && ${#words[@]} -gt 0 && ${words[${#words[@]} - 1]} == "$cut" ]]; then
			words[${#words[@]} - 1]+=$word
		else
			words+=("$word")
			cut=''
		fi
	done
	word=${words[${#words[@]} - 1]}
	# The value alone is replaced then.
	[[ -n $cut && $word == "$cut"* ]] || cut=''

	local program=${COMP_WORDS[0]}
	[[ $program == '~/'* ]] && program=$HOME/${program#'~/'}
	while read -r line; do
		case $line in
		:*) kind=$line ;;
		*)
			line=${line%%$'\t'*}
			COMPREPLY+=("${line#"$cut"}")
			;;
		esac
	done < <("$program" completion words -- "${words[@]}" 2>/dev/null)
	[[ -n $kind ]] || return 0

	# Names of files, unquoted; readline quotes what it inserts.
	word=${word#"$cut"}
	[[ -z $cut && $word == --*=* ]] && word=${word#*=}
	word=${word#[\"\']}
	word=${word//\\/}
	compopt -o filenames 2>/dev/null
	while read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$word")
	case $kind in
	:files)
		while read -r line; do [[ -d $line ]] || COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
		;;
	:files\ *)
		IFS=' '
		for ending in ${kind#:files }; do
			IFS=$'\n'
			while read -r line; do [[ -d $line ]] || COMPREPLY+=("$line"); done < <(compgen -f -X "!*$ending" -- "$word")
		done
		;;
	esac
}

complete -F _headstart headstart
