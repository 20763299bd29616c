#!/bin/sh
# Makes Temporal's two databases and brings them up to the schema of this image. May run again: what is done already is left alone.
set -eu
for store in temporal:temporal temporal_visibility:visibility; do
  database=${store%%:*}
  versions=/etc/temporal/schema/postgresql/v12/${store##*:}/versioned
  temporal-sql-tool --db "$database" create
  temporal-sql-tool --db "$database" setup-schema -v 0.0
  temporal-sql-tool --db "$database" update-schema -d "$versions"
done
