import { attemptResults } from '../domain/attempt.js';
import { auditActions } from '../domain/audit-event.js';
import { outcomes } from '../domain/outcome.js';
import { auditAddress, type AuditAddress, type AuditFilters } from './audit-address.js';
import { columnChoices } from './audit-columns.js';
import { actionWords, resultWords } from './audit-words.js';
import { choice, dayFields } from './filter-fields.js';
import { html, type Html } from './html.js';
import { outcomeWords } from './words.js';

/** Questions that reviewers have again and again. Others are kept as bookmarks: the whole view stands in the address. */
const views: readonly { readonly label: string; readonly filters: Partial<AuditFilters> }[] = [
  { label: 'Everything', filters: {} },
  { label: 'Unlocks asked for', filters: { action: 'customer.unlock.requested' } },
  { label: 'Failed', filters: { outcome: 'failed' } },
  { label: 'Refused by the bank', filters: { outcome: 'rejected' } },
  { label: 'No answer', filters: { result: 'unknown' } },
  { label: 'Denied access', filters: { action: 'access.denied' } },
  { label: 'Done in Temporal', filters: { action: 'operator.out_of_band' } },
  { label: 'Who read the log', filters: { action: 'audit.viewed' } },
  { label: 'Exports', filters: { action: 'audit.exported' } },
];

/** Ready-made views; the columns that were chosen stay. */
export function viewLinks({ filters, columns }: AuditAddress): Html {
  const here = auditAddress({ filters });
  return html`<nav class="views" aria-label="Views">
    ${views.map((view) => {
      const isHere = auditAddress({ filters: view.filters }) === here;
      return html`<a href="${auditAddress({ filters: view.filters, columns })}" ${isHere && html`aria-current="true"`}>${view.label}</a> `;
    })}
  </nav>`;
}

/** Filters and columns; sent, they are the address. */
export function auditFilterForm({ filters, columns }: AuditAddress): Html {
  const { correlationId, action, result, outcome, httpStatus, attempt, actor, from, to } = filters;
  return html`<form method="get" action="/audit">
    <div class="filters">
      ${choice('action', 'What', action, auditActions, actionWords)} ${choice('outcome', 'Outcome', outcome, outcomes, outcomeWords)}
      ${choice('result', 'Result of an attempt', result, attemptResults, resultWords)}
      <div>
        <label for="httpStatus">HTTP status</label>
        <input id="httpStatus" name="httpStatus" class="short" inputmode="numeric" maxlength="3" value="${httpStatus}" autocomplete="off" />
      </div>
      <div>
        <label for="attempt">Attempt</label>
        <input id="attempt" name="attempt" class="short" inputmode="numeric" maxlength="6" value="${attempt}" autocomplete="off" />
      </div>
      <div>
        <label for="actor">Who (account)</label>
        <input id="actor" name="actor" value="${actor}" autocomplete="off" />
      </div>
      <div>
        <label for="correlationId">Number of a request</label>
        <input id="correlationId" name="correlationId" value="${correlationId}" autocomplete="off" spellcheck="false" />
      </div>
      ${dayFields({ from, to })}
      <div><button>Show</button> <a href="${auditAddress({ columns })}">All</a></div>
    </div>
    <details class="columns">
      <summary>Columns</summary>
      <fieldset>
        <legend class="sr">Columns that are shown</legend>
        ${columnChoices(columns).map(
          ({ name, label, isShown }) =>
            html`<label><input type="checkbox" name="column" value="${name}" ${isShown && html`checked`} /> ${label}</label>`,
        )}
      </fieldset>
      <p class="faint">Press <em>Show</em> to see them. Bookmark the page to keep the view.</p>
    </details>
  </form>`;
}
