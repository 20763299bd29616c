import type { AuditEvent, JsonValue } from '../domain/audit-event.js';
import type { EvidenceCase } from './case.js';

type Row = readonly [string, string | number | null | undefined];

/** The case for people: one file, no script, nothing loaded from elsewhere. */
export function casePage({ correlationId, institutionId, madeAt, madeFor, events, records, logs, workflow }: EvidenceCase): string {
  const requested = events.find(({ action }) => action === 'customer.unlock.requested');
  const completed = events.find(({ action }) => action === 'customer.unlock.completed');
  const sealed = records.filter((record) => record.sealed !== null).length;
  const facts: Row[] = [
    ['Request', correlationId],
    ['Institution', institutionId],
    ['Customer', requested?.customerId ?? completed?.customerId],
    ['Asked by', whoOf(requested)],
    ['Reason', [requested?.reason, requested?.reasonCode, requested?.ticket].filter(Boolean).join(' \u00b7 ') || null],
    ['Asked at', requested?.occurredAt.toISOString()],
    ['Outcome', completed?.outcome ?? 'none yet'],
    ['Verification', completed?.verification],
    ['Ended at', completed?.occurredAt.toISOString()],
    ['Sealed', `${sealed} of ${records.length} records, in ${logs.map(({ origin }) => origin).join(', ') || 'no log yet'}`],
    [
      'Workflow',
      'sha256' in workflow
        ? `${workflow.workflowId}, run ${workflow.runId}: ${workflow.status}, ${workflow.events} events, SHA-256 ${workflow.sha256}`
        : workflow.unavailable,
    ],
  ];
  const rows = events.map((event, at) => eventRow(event, records[at]?.sealed?.index ?? null)).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Unlock request ${escaped(correlationId)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; color: #1c2733; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #d5dce3; overflow-wrap: anywhere; }
.facts th { width: 10rem; font-weight: 600; }
.events :is(th, td):is(:nth-child(-n + 3), :last-child) { white-space: nowrap; overflow-wrap: normal; }
.events td:is(:nth-child(4), :nth-child(5)) { min-width: 9rem; overflow-wrap: break-word; }
code { font-size: .85em; }
</style>
</head>
<body>
<h1>Unlock request</h1>
<table class="facts">
${facts.map(([name, value]) => `<tr><th scope="row">${escaped(name)}</th><td>${escaped(value ?? '\u2013')}</td></tr>`).join('\n')}
</table>
<h2>What happened</h2>
<table class="events">
<thead><tr><th scope="col">At (UTC)</th><th scope="col">What</th><th scope="col">Result</th><th scope="col">The bank</th><th scope="col">Who</th><th scope="col">More</th><th scope="col">Leaf</th></tr></thead>
<tbody>
${rows}
</tbody>
</table>
<p>Made ${escaped(madeAt.toISOString())} for ${escaped(madeFor.name ?? madeFor.id)} (${escaped(madeFor.type)} ${escaped(madeFor.id)}). This page proves nothing by itself: <code>node verify.mjs</code> checks the records beside it.</p>
</body>
</html>
`;
}

function eventRow(event: AuditEvent, leafIndex: number | null): string {
  const { occurredAt, action, attempt, result, outcome, lockStatus, httpStatus, upstreamCode, upstreamMessage, durationMs } = event;
  const bank = [httpStatus, upstreamCode, upstreamMessage, durationMs === null ? null : `${durationMs} ms`];
  const cells = [
    occurredAt.toISOString(),
    attempt === null ? action : `${action}, attempt ${attempt}`,
    words([result, outcome, lockStatus]),
    words(bank),
    whoOf(event) ?? '',
    words(Object.entries(event.metadata).map(([name, value]) => `${name}: ${told(value)}`)),
    leafIndex === null ? 'not sealed yet' : String(leafIndex),
  ];
  return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
}

function words(parts: readonly (string | number | null)[]): string {
  return parts.filter((part) => part !== null).join(' \u00b7 ');
}

function whoOf(event: AuditEvent | undefined): string | null {
  if (event === undefined || event.actorId === null) return null;
  const { actorName, actorId, actorType, onBehalfOf } = event;
  const behalf = onBehalfOf === null ? '' : `, on behalf of ${onBehalfOf} (as asserted)`;
  return `${actorName ?? actorId} (${actorType ?? ''} ${actorId})${behalf}`;
}

function told(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function escaped(value: string | number): string {
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
