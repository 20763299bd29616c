import type { z } from 'zod';
import { auditSummarySchema } from '../http/audit-summary.js';
import { askedOfAudit, auditAddress, readAuditAddress, type AuditFilters } from './audit-address.js';
import { resultWords } from './audit-words.js';
import { barChart, outcomesChart } from './charts.js';
import { dayFields } from './filter-fields.js';
import { html, type Html } from './html.js';
import type { Page, PersonalVisit, Reply } from './page.js';
import { timeOf } from './times.js';

type Summary = z.infer<typeof auditSummarySchema>;

const USUAL_DAYS = 7;
const DAY_MS = 86_400_000;

/** What the rows that the address filters come to; each bar leads to its rows in the table. */
export function auditChartsPages(): Page[] {
  async function show({ search, ask }: PersonalVisit): Promise<Reply> {
    const filters = lately(readAuditAddress(search).filters, new Date());
    const { body } = await ask({ method: 'get', route: '/v1/audit/summary', search: askedOfAudit(filters, {}) });
    return { kind: 'page', title: 'Audit charts', main: chartsMain(filters, auditSummarySchema.parse(body)) };
  }

  // Who may not is refused by the API, which puts that on record.
  return [{ method: 'get', path: '/audit/charts', access: 'session', handle: show }];
}

/** Without a time that was asked for, the last days. */
function lately(filters: AuditFilters, now: Date): AuditFilters {
  if (filters.from !== '' || filters.to !== '') return filters;
  return { ...filters, from: new Date(now.getTime() - (USUAL_DAYS - 1) * DAY_MS).toISOString().slice(0, 10) };
}

function chartsMain(filters: AuditFilters, { rows, since, outcomes, errors, actors, attempts }: Summary): Html {
  const rowsOf = (more: Partial<AuditFilters>): string => auditAddress({ filters: { ...filters, ...more } });
  return html`<h1>What the audit log comes to</h1>
    <form method="get" action="/audit/charts">
      ${Object.entries(filters).map(
        ([name, value]) =>
          name !== 'from' && name !== 'to' && value !== '' && html`<input type="hidden" name="${name}" value="${value}" />`,
      )}
      <div class="filters">
        ${dayFields(filters)}
        <div><button>Show</button> <a href="${rowsOf({})}">The rows</a></div>
      </div>
    </form>
    <p class="faint">
      ${rows} rows${since !== null && html`, the oldest of ${timeOf(since)}`}. Where there are more than 10,000 the newest are counted.
      Press a bar to see its rows; that you looked is on record.
    </p>
    <div class="charts">
      ${outcomesChart({
        days: outcomes,
        hrefOf: ({ day, outcome }) => rowsOf({ action: 'customer.unlock.completed', outcome, from: day, to: day }),
      })}
      ${barChart({
        id: 'errors',
        title: 'What attempts met most',
        bars: errors.map(({ result, httpStatus, upstreamCode, count }) => ({
          label:
            httpStatus === null
              ? `${resultWords[result]}, no status`
              : [httpStatus, upstreamCode].filter((part) => part !== null).join(' '),
          count,
          href: rowsOf({
            action: 'customer.unlock.attempt_finished',
            result,
            ...(httpStatus !== null && { httpStatus: String(httpStatus) }),
          }),
        })),
      })}
      ${barChart({
        id: 'actors',
        title: 'Who asked for unlocks',
        bars: actors.map(({ actorId, actorName, count }) => ({
          label: actorName === null ? actorId : `${actorName} (${actorId})`,
          count,
          href: rowsOf({ action: 'customer.unlock.requested', actor: actorId }),
        })),
      })}
      ${barChart({
        id: 'attempts',
        title: 'Unlocks that came to attempt …',
        bars: attempts.map(({ attempt, count }) => ({
          label: `Attempt ${attempt}`,
          count,
          href: rowsOf({ action: 'customer.unlock.attempt_started', attempt: String(attempt) }),
        })),
      })}
    </div>`;
}
