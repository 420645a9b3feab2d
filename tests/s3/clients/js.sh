#!/bin/sh
# JavaScript: JS is aws-sdk-v3 (default), aws-sdk-v2 or minio, NPM_DIR the folder with its node_modules
JS=${JS:-aws-sdk-v3} CLIENT_NAME=${JS:-aws-sdk-v3}
. "$(dirname "$0")/lib.sh"
need node; [ -d "${NPM_DIR:-}/node_modules" ] || need "$JS for node"
CLEAN='AWS_PAGER= /usr/bin/aws --endpoint-url "$ENDPOINT" s3 rb --force "s3://$B"'
timeout 300 node --no-warnings "$HERE/js/flow.cjs" "$JS" "$ENDPOINT" "$AK" "$SK" "$W" "$B" > "$W/flow" 2> "$W/flow.err" || { tail -3 "$W/flow.err" | cut -c1-200 | sed 's/^/#   /'; echo "not ok - the flow itself" >> "$W/flow"; }
while IFS= read -r l; do case $l in 'ok - '*) ok "${l#ok - }" ;; 'not ok - '*) nok "${l#not ok - }" ;; *) echo "$l" ;; esac; done < "$W/flow"
