import { html, type Html } from './html.js';
import { timeOf } from './times.js';
import { actionWords, resultWords, rowActorWords, type AuditRow } from './audit-words.js';
import { outcomeTone } from './words.js';

interface Column {
  readonly label: string;
  readonly isUsual: boolean;
  readonly cell: (row: AuditRow) => Html;
}

const plain = (value: string | number | null): Html => html`<td>${value}</td>`;
const code = (value: string | number | null): Html => html`<td>${value !== null && html`<code>${value}</code>`}</td>`;
const bankWords = ({ httpStatus, upstreamCode }: AuditRow): string => [httpStatus, upstreamCode].filter((part) => part !== null).join(' ');

/** What the table can show beside the time, in this order. */
const columns = {
  action: { label: 'What', isUsual: true, cell: ({ action }) => html`<td title="${action}">${actionWords[action]}</td>` },
  who: { label: 'Who', isUsual: true, cell: (row) => plain(rowActorWords(row)) },
  customer: { label: 'Customer', isUsual: true, cell: ({ customerId }) => code(customerId) },
  attempt: { label: 'Attempt', isUsual: true, cell: ({ attempt }) => plain(attempt) },
  result: { label: 'Result', isUsual: true, cell: ({ result }) => plain(result && resultWords[result]) },
  outcome: {
    label: 'Outcome',
    isUsual: true,
    cell: ({ outcome }) => html`<td class="${outcome === null ? 'plain' : outcomeTone[outcome]}">${outcome}</td>`,
  },
  bank: { label: 'The bank', isUsual: true, cell: (row) => plain(bankWords(row)) },
  request: { label: 'Request', isUsual: true, cell: requestCell },
  message: { label: 'The bank’s words', isUsual: false, cell: ({ upstreamMessage }) => plain(upstreamMessage) },
  duration: { label: 'Took (ms)', isUsual: false, cell: ({ durationMs }) => plain(durationMs) },
  verification: { label: 'Verification', isUsual: false, cell: ({ verification }) => plain(verification) },
  lockStatus: { label: 'Lock status', isUsual: false, cell: ({ lockStatus }) => plain(lockStatus) },
  reason: { label: 'Reason', isUsual: false, cell: ({ reason, reasonCode }) => plain(reason ?? reasonCode) },
  ticket: { label: 'Ticket', isUsual: false, cell: ({ ticket }) => plain(ticket) },
  source: { label: 'From where', isUsual: false, cell: ({ source }) => plain(sourceWords(source)) },
  more: { label: 'More', isUsual: false, cell: ({ metadata }) => code(JSON.stringify(metadata)) },
  id: { label: 'Id of the row', isUsual: false, cell: ({ id }) => code(id) },
} as const satisfies Readonly<Record<string, Column>>;

const all = Object.entries(columns);

/** Those that were asked for, in the table's order; where that is none that is known, the usual ones. */
export function chosenColumns(asked: readonly string[]): readonly (Column & { readonly name: string })[] {
  const known = all.filter(([name]) => asked.includes(name));
  return (known.length > 0 ? known : all.filter(([, { isUsual }]) => isUsual)).map(([name, column]) => ({ name, ...column }));
}

/** Which columns there are, each with whether it is shown. */
export function columnChoices(asked: readonly string[]): { readonly name: string; readonly label: string; readonly isShown: boolean }[] {
  const shown = new Set(chosenColumns(asked).map(({ name }) => name));
  return all.map(([name, { label }]) => ({ name, label, isShown: shown.has(name) }));
}

/** The first cell leads to the row's case, where it belongs to one; where not it can still be reached with the arrow keys. */
export function timeCell({ id, occurredAt, correlationId, action }: AuditRow): Html {
  const time = timeOf(occurredAt);
  const isOfACase = correlationId !== null && action !== 'access.denied';
  return html`<td class="at">
    ${isOfACase ? html`<a id="row-${id}" href="/audit/cases/${correlationId}">${time}</a>` : html`<span id="row-${id}" tabindex="-1">${time}</span>`}
  </td>`;
}

function requestCell({ correlationId, action }: AuditRow): Html {
  const isOfARequest = correlationId !== null && action.startsWith('customer.unlock.');
  return html`<td>
    ${isOfARequest && html`<a href="/unlocks/${correlationId}" title="${correlationId}">${correlationId.slice(0, 8)}</a>`}
  </td>`;
}

function sourceWords(source: AuditRow['source']): string {
  if (source === null) return '';
  return [source.component, source.clientAddress].filter((part) => typeof part === 'string').join(' ');
}
