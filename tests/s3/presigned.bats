#!/usr/bin/env bats
# Presigned URLs: presigned.py has them made by boto3 and used by curl.

load s3

setup_file() {
	mkdir -p "$BATS_FILE_TMPDIR/data"
	cat >"$BATS_FILE_TMPDIR/data/vaultaire.json" <<-'END'
		{ "sigv2": true, "tiers": [
		  { "name": "hot", "url": "file:tiers/hot", "storage_class": "STANDARD", "inline": true } ] }
	END
	serve_start "$BATS_FILE_TMPDIR"
}

@test 'every family of operations, by version 4' {
	timeout 120 /usr/bin/python3 "$BATS_TEST_DIRNAME/presigned.py" 4 "$B"
}

@test 'every family of operations, by version 2' {
	timeout 120 /usr/bin/python3 "$BATS_TEST_DIRNAME/presigned.py" 2 "$B"
}
