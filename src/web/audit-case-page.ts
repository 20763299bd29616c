import { auditEventPageSchema } from '../http/answer-schemas.js';
import { Problem } from '../http/problem.js';
import { rowActorWords, rowWords, actionWords, type AuditRow } from './audit-words.js';
import { html, type Html } from './html.js';
import type { Page, PersonalVisit, Reply } from './page.js';
import { caseSeal, sealMark } from './seal-marks.js';
import type { Seal, SealsOf } from './audit-seal.js';
import { timeOf } from './times.js';
import { outcomeWords } from './words.js';

const PAGE_SIZE = '200';
/** Far more than a request leaves behind: a bound for whoever makes rows by hand. */
const PAGES_AT_MOST = 5;

/** One case for reviewers: every row of a request in its order, whether its seal holds, and the evidence to take away. */
export function auditCasePages({ sealsOf }: { readonly sealsOf: SealsOf }): Page[] {
  async function show({ params, ask, session }: PersonalVisit): Promise<Reply> {
    const { correlationId = '' } = params;
    const rows = await rowsOf(correlationId, ask);
    if (rows.length === 0) throw new Problem('not_found', { detail: 'Your institution has no audit event of this number.' });
    const seals = await sealsOf(
      rows.map(({ id }) => id),
      ask,
    );
    const maySeeRequest = session.person.scopes.includes('institution-users:read');
    return { kind: 'page', title: 'Audit case', main: caseMain({ correlationId, rows, seals, maySeeRequest }) };
  }

  async function evidence({ params, search, ask }: PersonalVisit): Promise<Reply> {
    const { correlationId = '' } = params;
    const answer = await ask({ method: 'get', route: '/v1/audit/unlocks/{correlationId}/evidence', params: { correlationId }, search });
    return { kind: 'answer', answer };
  }

  // Who may not is refused by the API, which puts that on record.
  return [
    { method: 'get', path: '/audit/cases/{correlationId}', access: 'session', handle: show },
    { method: 'get', path: '/audit/cases/{correlationId}/evidence', access: 'session', handle: evidence },
  ];
}

/** Oldest first, as it happened. */
async function rowsOf(correlationId: string, ask: PersonalVisit['ask']): Promise<AuditRow[]> {
  const rows: AuditRow[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_AT_MOST && (page === 0 || cursor !== null); page += 1) {
    const query = new URLSearchParams({ correlationId, limit: PAGE_SIZE, ...(cursor !== null && { cursor }) });
    const { body } = await ask({ method: 'get', route: '/v1/audit/events', search: query.toString() });
    const { items, nextCursor } = auditEventPageSchema.parse(body);
    rows.push(...items);
    cursor = nextCursor;
  }
  return rows.reverse();
}

interface Case {
  readonly correlationId: string;
  readonly rows: readonly AuditRow[];
  /** One for each row. */
  readonly seals: readonly Seal[];
  readonly maySeeRequest: boolean;
}

function caseMain({ correlationId, rows, seals, maySeeRequest }: Case): Html {
  const isRequest = rows.some(({ action }) => action.startsWith('customer.unlock.'));
  const completed = rows.find(({ action }) => action === 'customer.unlock.completed');
  const customerId = rows.find((row) => row.customerId !== null)?.customerId ?? null;
  const ended = completed?.outcome == null ? 'No outcome is on record' : outcomeWords[completed.outcome];
  return html`<p class="over">Audit case <code>${correlationId}</code></p>
    <h1>${isRequest ? ended : 'No unlock was asked for'}</h1>
    ${customerId !== null && html`<p>Customer <code>${customerId}</code></p>`} ${caseSeal(correlationId, seals)}
    <p class="links">
      ${isRequest && html`<a class="button" href="/audit/cases/${correlationId}/evidence">Take the evidence (zip)</a> `}
      ${isRequest && maySeeRequest && html`<a href="/unlocks/${correlationId}">The request</a> · `}
      <a href="/audit?correlationId=${correlationId}">Its rows in the table</a>
    </p>
    <h2>What happened</h2>
    <div class="wide" tabindex="0" role="region" aria-label="What happened">
      <table class="dense case">
        <thead>
          <tr>
            <th scope="col">At</th>
            <th scope="col">What</th>
            <th scope="col">Who</th>
            <th scope="col">Seal</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map((row, at) => caseRow(row, seals[at]))}
        </tbody>
      </table>
    </div>
    <p class="faint">
      That you looked is on record; taking the evidence is recorded as an export. A row that was deleted leaves no mark here;
      <code>latchkey audit verify</code> finds that it is missing.
    </p>`;
}

function caseRow(row: AuditRow, seal: Seal | undefined): Html {
  const { id, action, occurredAt, reason, reasonCode, ticket, source } = row;
  const why = [reason, reasonCode, ticket].filter((part) => part !== null).join(' · ');
  const from = [source?.component, source?.clientAddress].filter((part) => typeof part === 'string').join(' ');
  return html`<tr id="row-${id}">
    <td class="at">${timeOf(occurredAt)}</td>
    <td title="${action}">
      <strong>${actionWords[action]}</strong><br />${rowWords(row)} ${why !== '' && html`<br /><span class="faint">Reason: ${why}</span>`}
    </td>
    <td>${rowActorWords(row)}${from !== '' && html` <span class="faint">${from}</span>`}</td>
    <td>${seal !== undefined && sealMark(seal)}</td>
  </tr>`;
}
