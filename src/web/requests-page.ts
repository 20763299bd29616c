import { unlockPageSchema, type UnlockAnswer } from '../http/answer-schemas.js';
import { outcomes } from '../domain/outcome.js';
import { choice, dayFields } from './filter-fields.js';
import { html, type Html } from './html.js';
import type { Page, PersonalVisit, Reply } from './page.js';
import { dayStart, timeOf } from './times.js';
import { actorWords, outcomeTone, outcomeWords } from './words.js';

/** What the address may say. Not the customer: an id has no business in an address, and the search shows a customer's requests. */
type Filters = Readonly<Record<'state' | 'outcome' | 'approval' | 'actor' | 'from' | 'to' | 'cursor', string>>;

const REFRESH_MS = 10_000;
const PAGE_SIZE = '50';

/** The institution's unlock requests, newest first, as the address filters them. */
export function requestsPages(): Page[] {
  async function list({ search, ask }: PersonalVisit): Promise<Reply> {
    const given = new URLSearchParams(search);
    const of = (name: string): string => given.get(name)?.trim() ?? '';
    const filters: Filters = {
      state: of('state'),
      outcome: of('outcome'),
      approval: of('approval'),
      actor: of('actor'),
      from: of('from'),
      to: of('to'),
      cursor: of('cursor'),
    };
    const { body } = await ask({ method: 'get', route: '/v1/unlocks', search: asked(filters) });
    const { items, nextCursor } = unlockPageSchema.parse(body);
    return { kind: 'page', title: 'Requests', main: listMain(filters, items, nextCursor) };
  }

  return [{ method: 'get', path: '/unlocks', access: 'institution-users:read', handle: list }];
}

/** The same for the API: whole days of UTC, the last one included. */
function asked({ from, to, ...filters }: Filters): string {
  const query = new URLSearchParams({ limit: PAGE_SIZE });
  for (const [name, value] of Object.entries(filters)) if (value !== '') query.set(name, value);
  if (from !== '') query.set('from', dayStart(from));
  if (to !== '') query.set('to', dayStart(to, 1));
  return query.toString();
}

function addressWith(filters: Filters): string {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value !== ''));
  return query.size === 0 ? '/unlocks' : `/unlocks?${query.toString()}`;
}

function listMain(filters: Filters, items: readonly UnlockAnswer[], nextCursor: string | null): Html {
  const isFirst = filters.cursor === '';
  const older = nextCursor !== null && addressWith({ ...filters, cursor: nextCursor });
  return html`<h1>Requests</h1>
    ${filterForm(filters)}
    <p class="sr" role="status" id="said"></p>
    <div id="live" data-state="${isFirst ? 'running' : 'completed'}" data-every="${REFRESH_MS}" data-now="${new Date().toISOString()}">
      ${
        items.length === 0
          ? html`<p>No request is like this.</p>`
          : html`<div class="wide" tabindex="0" role="region" aria-label="Requests">
              <table data-rows>
                <thead>
                  <tr>
                    <th scope="col">Asked</th>
                    <th scope="col">Customer</th>
                    <th scope="col">How it stands</th>
                    <th scope="col">Attempts</th>
                    <th scope="col">By</th>
                    <th scope="col">Reason</th>
                  </tr>
                </thead>
                <tbody>
                  ${items.map(row)}
                </tbody>
              </table>
            </div>`
      }
    </div>
    <p>
      ${!isFirst && html`<a href="${addressWith({ ...filters, cursor: '' })}">Newest</a> `}${older !== false && html`<a rel="next" href="${older}">Older</a>`}
    </p>`;
}

function row({ correlationId, customerId, requestedAt, requestedBy, outcome, attempts, reason, ticket, approval }: UnlockAnswer): Html {
  const underWay = approval?.state === 'waiting' ? html`<strong>Waits for approval</strong>` : 'Under way';
  return html`<tr>
    <td><a id="row-${correlationId}" href="/unlocks/${correlationId}">${timeOf(requestedAt)}</a></td>
    <td><code>${customerId}</code></td>
    <td class="${outcome === null ? 'plain' : outcomeTone[outcome]}">${outcome === null ? underWay : outcomeWords[outcome]}</td>
    <td>${attempts.length}</td>
    <td>${actorWords(requestedBy)}</td>
    <td>${reason}${ticket !== null && ` [${ticket}]`}</td>
  </tr>`;
}

const states = ['running', 'completed'] as const;
const stateWords = { running: 'Under way', completed: 'Ended' } as const;

function filterForm({ state, outcome, approval, actor, from, to }: Filters): Html {
  return html`<form class="filters" method="get" action="/unlocks">
    ${choice('state', 'State', state, states, stateWords)} ${choice('outcome', 'Outcome', outcome, outcomes, outcomeWords)}
    <div>
      <label for="actor">Asked by (account)</label>
      <input id="actor" name="actor" value="${actor}" autocomplete="off" />
    </div>
    ${dayFields({ from, to })}
    <div>
      ${approval !== '' && html`<input type="hidden" name="approval" value="${approval}" />`}
      <button>Show</button> <a href="/unlocks">All</a>
      <a href="/unlocks?approval=waiting" ${approval === 'waiting' && html`aria-current="true"`}>Waiting for approval</a>
    </div>
  </form>`;
}
