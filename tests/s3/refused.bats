#!/usr/bin/env bats
# Operations that are not served: each is refused by its name, and none is
# taken for another, which might overwrite or delete what it names.

load s3

# Everything clients may have changed: the rows of the catalog, and which
# files lie on the tiers.
store() {
	python3 - "$SERVE_DIR/data" <<-'END'
		import pathlib, sqlite3, sys
		data = pathlib.Path(sys.argv[1])
		db = sqlite3.connect(data / "catalog.db", timeout=30)
		for table in ("bucket", "bucket_doc", "version", "copy",
		              "extent", "blob", "inline_data", "upload", "part"):
		    for row in db.execute("SELECT * FROM " + table):
		        print(table, row)
		for f in sorted((data / "tiers").rglob("*")):
		    print(f)
	END
}

# The operations that no test claims, with their requests.
unclaimed() {
	awk '
	FILENAME !~ /operations.txt$/ {
		first = $1 == "covers" || $1 == "differs" ? 2 : 1
		for (i = first; (first == 2 || more) && $i ~ /^[A-Z]/; i++)
			claimed[$i] = 1
		more = (first == 2 || more) && $NF == "\\"
		next
	}
	!/^#/ && !claimed[$1]' "$BATS_TEST_DIRNAME"/*.bats \
	    "$BATS_TEST_DIRNAME/operations.txt"
}

@test 'every other operation is NotImplemented and changes nothing' {
	local name method target body before
	put k 'what may not be lost'
	random_file "$W/large" 100000
	put_file large "$W/large"
	before=$(store)
	[[ $before == *version* && $before == *tiers/* ]]
	body='<A xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><B>x</B></A>'
	while read -r name method target; do
		target=${target//\{b\}/$B}
		target=${target//\{k\}/k}
		case $method in
		PUT | POST) s3 "$method" "$target" --data-binary "$body" ;;
		*) s3 "$method" "$target" ;;
		esac
		code 501 NotImplemented || {
			echo >&2
			echo "$name is served: which test covers it?" >&2
			return 1
		}
		is "$(store)" "$before" || {
			echo "$name changed what is stored" >&2
			return 1
		}
		refused "$name"
	done < <(unclaimed)
	s3 GET "/$B/k"
	body_is 'what may not be lost'
}
