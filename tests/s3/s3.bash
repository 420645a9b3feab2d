# What the tests of S3 operations share: `load s3`.  Requests are curl's, so
# that every header is the test's own; `h` and `x` read what came back.

load ../cli/helper

setup_file() {
	serve_start "$BATS_FILE_TMPDIR"
}

teardown_file() {
	serve_stop
	serve_said "$BATS_FILE_TMPDIR"
}

# A bucket of the test's own, and where answers go.
setup() {
	W=$BATS_TEST_TMPDIR
	B=t$BATS_TEST_NUMBER-$$-$RANDOM
	s3 PUT "/$B"
	code 200
}

# s3 METHOD TARGET [CURL OPTION...]: the status in $st, the body in $W/body,
# the headers in $W/head.  curl signs the query as it is written: sort it, and
# give every parameter its "=".
s3() {
	local method=$1 target=$2 how=(-X "$1")
	shift 2
	[ "$method" != HEAD ] || how=(-I)
	: >"$W/body"
	st=$(s3curl "${how[@]}" -o "$W/body" -D "$W/head" \
	    -w '%{http_code}' "$@" "$AWS_ENDPOINT_URL$target")
}

# put KEY TEXT [CURL OPTION...]
put() {
	local key=$1
	printf %s "$2" >"$W/text"
	shift 2
	s3 PUT "/$B/$key" -T "$W/text" "$@"
}

# put_file KEY FILE [CURL OPTION...]
put_file() {
	local key=$1 file=$2
	shift 2
	s3 PUT "/$B/$key" -T "$file" "$@"
}

# A header of the answer.
h() {
	tr -d '\r' <"$W/head" |
	    awk -F': ' -v k="$1" 'tolower($1) == tolower(k) {
		sub(/^[^:]*: /, ""); v = $0 } END { print v }'
}

# The texts of an element of the body, one a line, entities undone.
x() {
	grep -o "<$1>[^<]*</$1>" "$W/body" | sed "s|</*$1>||g
	    s/&quot;/\"/g; s/&lt;/</g; s/&gt;/>/g; s/&#10;/\\n/g; s/&amp;/\&/g"
}

# code STATUS [S3 CODE]
code() {
	if [ "$st" != "$1" ] ||
	    { [ $# -gt 1 ] && [ "$(x Code)" != "$2" ]; }; then
		echo "status $st, wanted $*" >&2
		cat "$W/head" "$W/body" >&2
		return 1
	fi
}

# is GOT WANT
is() {
	[ "$1" = "$2" ] || {
		printf 'got:  %s\nwant: %s\n' "$1" "$2" >&2
		return 1
	}
}

body_is() {
	is "$(cat "$W/body")" "$1"
}

md5() {
	md5sum <"$1" | cut -d' ' -f1
}

b64() {
	openssl dgst "-$1" -binary <"$2" | base64 -w 0
}

# Claims for COMPATIBILITY.md; they count when their test passes.
#	covers OPERATION...		work as on AWS
#	differs OPERATION... TEXT	work but for TEXT
#	refused OPERATION		answers NotImplemented (refused.bats)
# With VT_CLAIMS set they go into the TAP, for scripts/compat-report.
covers() {
	local op
	for op; do
		claim covers "$op"
	done
}

differs() {
	while [ $# -gt 1 ]; do
		claim differs "$1" "${!#}"
		shift
	done
}

refused() {
	claim refused "$1"
}

claim() {
	grep -q "^$2 " "$BATS_TEST_DIRNAME/operations.txt" || {
		echo "no operation of S3: $2" >&2
		return 1
	}
	[ -z "${VT_CLAIMS:-}" ] || printf '# %s\n' "$*" >&3
}
