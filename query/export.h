#pragma once
/* Records in the forms of others: views, not evidence. Each writes one record
 * with its line end; who is the channel record, or NULL. */
#include "audit/record.h"

#include <stdio.h>

/* OCSF (schema.ocsf.io), one event of one class for each record. */
void export_ocsf(FILE *f, const struct record *r, const struct record *who);
/* OTLP/JSON, one ExportLogsServiceRequest of one log record. */
void export_otel(FILE *f, const struct record *r, const struct record *who);
/* RFC 4180, with a head; cells that a spreadsheet would compute begin with '.
 */
void export_csv_head(FILE *f);
void export_csv(FILE *f, const struct record *r, const struct record *who);
