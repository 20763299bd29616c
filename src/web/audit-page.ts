import { auditEventPageSchema } from '../http/answer-schemas.js';
import { askedOfAudit, auditAddress, chartsAddress, exportAddress, readAuditAddress, type AuditAddress } from './audit-address.js';
import { chosenColumns, timeCell } from './audit-columns.js';
import { auditFilterForm, viewLinks } from './audit-filters.js';
import type { AuditRow } from './audit-words.js';
import { html, type Html } from './html.js';
import type { Page, PersonalVisit, Reply } from './page.js';

const PAGE_SIZE = '50';

/** The institution's audit log, newest first, as the address filters it; and the same as a file. */
export function auditPages(): Page[] {
  async function list({ search, ask }: PersonalVisit): Promise<Reply> {
    const address = readAuditAddress(search);
    const { filters, cursor } = address;
    const { body } = await ask({ method: 'get', route: '/v1/audit/events', search: askedOfAudit(filters, { limit: PAGE_SIZE, cursor }) });
    const { items, nextCursor } = auditEventPageSchema.parse(body);
    return { kind: 'page', title: 'Audit', main: listMain(address, items, nextCursor) };
  }

  async function download({ search, ask }: PersonalVisit): Promise<Reply> {
    const format = new URLSearchParams(search).get('format') ?? '';
    const { filters } = readAuditAddress(search);
    return {
      kind: 'answer',
      answer: await ask({ method: 'get', route: '/v1/audit/export', search: askedOfAudit(filters, { format }) }),
    };
  }

  // Who may not is refused by the API, which puts that on record.
  return [
    { method: 'get', path: '/audit', access: 'session', handle: list },
    { method: 'get', path: '/audit/export', access: 'session', handle: download },
  ];
}

function listMain(address: AuditAddress, rows: readonly AuditRow[], nextCursor: string | null): Html {
  const { filters, columns, cursor } = address;
  return html`<h1>Audit</h1>
    ${viewLinks(address)} ${auditFilterForm(address)}
    <p>
      <a href="${chartsAddress(filters)}">Charts of these rows</a>
      ${rows.length > 0 && html` · All rows that these filters let through, as a file: ${exportLink('csv', filters)} ${exportLink('ndjson', filters)}`}
    </p>
    ${rows.length === 0 ? html`<p>No row is like this.</p>` : table(rows, columns)}
    <p>
      ${cursor !== '' && html`<a href="${auditAddress({ filters, columns })}">Newest</a> `}${nextCursor !== null && html`<a rel="next" href="${auditAddress({ filters, columns, cursor: nextCursor })}">Older</a>`}
    </p>
    <p class="faint">
      That you looked, and at what, is on record. A customer’s id stands in no address: the search leads to a customer’s unlocks.
    </p>`;
}

function exportLink(format: 'csv' | 'ndjson', filters: AuditAddress['filters']): Html {
  return html`<a href="${exportAddress(format, filters)}">${format.toUpperCase()}</a>`;
}

function table(rows: readonly AuditRow[], asked: readonly string[]): Html {
  const columns = chosenColumns(asked);
  return html`<div class="wide" tabindex="0" role="region" aria-label="Audit events">
    <table data-rows class="dense">
      <thead>
        <tr>
          <th scope="col">At</th>
          ${columns.map(({ label }) => html`<th scope="col">${label}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${timeCell(row)}${columns.map(({ cell }) => cell(row))}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
