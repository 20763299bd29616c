import { unlockSchema, type UnlockAnswer } from '../http/answer-schemas.js';
import type { Answer } from '../http/route.js';
import { approvalOutcome, decisionForm, mayDecide, waitingForApproval } from './approval-pages.js';
import { html, type Html } from './html.js';
import type { Page, PersonalVisit, Reply } from './page.js';
import { operatorButtons, operatorForm } from './operator-pages.js';
import type { Session } from './sessions.js';
import { timeline } from './timeline.js';
import { timeOf } from './times.js';
import { actorWords, attemptWords, outcomeTone, outcomeWords, progressWords, verificationWords } from './words.js';

const READ = 'institution-users:read';
/** How soon a sign-out elsewhere ends what this page hears. */
const LOOK_AFTER_SESSION_MS = 10_000;

/** One unlock request, as it goes and as it went. */
export function unlockPages(): Page[] {
  async function show({ params, search, ask, session }: PersonalVisit): Promise<Reply> {
    const { body } = await ask({ method: 'get', route: '/v1/unlocks/{correlationId}', params, search });
    const unlock = unlockSchema.parse(body);
    const title =
      unlock.outcome === null ? (waits(unlock) ? 'Waits for a second person' : 'Unlock under way') : outcomeWords[unlock.outcome];
    return { kind: 'page', title, main: unlockMain(unlock, session) };
  }

  async function events({ params, search, headers, ask, signal, isStillSignedIn }: PersonalVisit): Promise<Reply> {
    const ended = new AbortController();
    const stop = (): void => {
      clearInterval(timer);
      ended.abort();
    };
    const timer = setInterval(() => {
      // Where it cannot be told, the token's own end still holds.
      isStillSignedIn().then(
        (signedIn) => (signedIn ? undefined : stop()),
        () => undefined,
      );
    }, LOOK_AFTER_SESSION_MS).unref();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    const lastEventId = headers['last-event-id'];
    const answer: Answer = await ask({
      method: 'get',
      route: '/v1/unlocks/{correlationId}/events',
      params,
      search,
      headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
      signal: ended.signal,
    });
    return { kind: 'answer', answer };
  }

  return [
    { method: 'get', path: '/unlocks/{correlationId}', access: READ, handle: show },
    { method: 'get', path: '/unlocks/{correlationId}/events', access: READ, handle: events },
  ];
}

function waits({ state, approval }: UnlockAnswer): boolean {
  return state === 'running' && approval?.state === 'waiting';
}

function unlockMain(unlock: UnlockAnswer, session: Session): Html {
  const { person, formToken } = session;
  const isOperator = person.scopes.includes('unlocks:operate');
  const now = new Date();
  const { correlationId, customerId, state, reason, reasonCode, ticket, requestedAt, requestedBy, links } = unlock;
  return html`<p class="over">Customer <code>${customerId}</code></p>
    <p class="sr" role="status" id="said"></p>
    <div
      id="live"
      data-state="${state}"
      data-approval="${unlock.approval?.state ?? 'none'}"
      data-events="/unlocks/${correlationId}/events"
      data-now="${now.toISOString()}"
      data-say="${spoken(unlock)}"
    >
      ${standing(unlock, session)} ${isOperator && state === 'running' && operatorButtons(unlock)} ${approvalOutcome(unlock)}
      ${attempts(unlock, now)}
    </div>
    ${state === 'running' && mayDecide(unlock, session) && decisionForm(correlationId, formToken)}
    ${isOperator && state === 'running' && operatorForm(correlationId, formToken)}
    <h2>The request</h2>
    <dl>
      <div>
        <dt>Asked by</dt>
        <dd>${actorWords(requestedBy)}</dd>
      </div>
      <div>
        <dt>At</dt>
        <dd>${timeOf(requestedAt)}</dd>
      </div>
      <div>
        <dt>Reason</dt>
        <dd>${reason ?? 'none given'}${reasonCode !== null && ` [${reasonCode}]`}</dd>
      </div>
      ${
        ticket !== null &&
        html`<div>
          <dt>Ticket</dt>
          <dd>${ticket}</dd>
        </div>`
      }
      <div>
        <dt>Number</dt>
        <dd><code>${correlationId}</code></dd>
      </div>
    </dl>
    <p>
      ${isOperator && links.temporal !== null && html`<a href="${links.temporal}" rel="noreferrer">Its workflow in the Temporal UI</a> · `}
      ${person.scopes.includes('audit:read') && html`<a href="/audit/cases/${correlationId}">Its audit case</a> · `}
      <a href="/">Another customer</a>
    </p>`;
}

/** How it stands: the outcome with what it is worth, or what is going on. */
function standing(unlock: UnlockAnswer, session: Session): Html {
  const { outcome, verification, diagnosis, nextAttemptAt, completedAt } = unlock;
  if (outcome !== null) {
    return html`<h1 class="verdict ${outcomeTone[outcome]}">${outcomeWords[outcome]}</h1>
      ${verification !== null && html`<p>${verificationWords[verification]}</p>`}
      ${diagnosis !== null && html`<p class="note">${diagnosis}</p>`}
      ${completedAt !== null && html`<p class="faint">Ended ${timeOf(completedAt)}.</p>`}`;
  }
  const head = waits(unlock)
    ? waitingForApproval(unlock, session)
    : html`<h1 class="verdict plain">Unlock under way</h1>
        <p>
          ${progressWords(unlock)}
          ${nextAttemptAt !== null && html`Next attempt ${timeOf(nextAttemptAt, 'time')}<span data-until="${nextAttemptAt}"></span>.`}
        </p>`;
  return html`${head} ${diagnosis !== null && html`<p class="note">${diagnosis}</p>`}
    <p class="faint">You may close this page: the unlock goes on, and this address brings you back.</p>
    <noscript
      ><p>
        Without JavaScript this page stands still. <a href="/unlocks/${unlock.correlationId}">Load it again</a> to see how it goes.
      </p></noscript
    >
    <p class="fault" id="unheard" hidden>
      This page hears nothing new at the moment. The unlock goes on; <a href="/unlocks/${unlock.correlationId}">load the page again</a>.
    </p>`;
}

function attempts(unlock: UnlockAnswer, now: Date): Html {
  const { attempts: all, state } = unlock;
  if (all.length === 0) return state === 'running' ? html`` : html`<p>No attempt was made: nothing was sent to the bank.</p>`;
  return html`<h2>Attempts</h2>
    ${timeline(unlock, now)}
    <ol class="attempts">
      ${all.map(
        (attempt) =>
          html`<li class="${attempt.result ?? 'out'}">
            <strong>Attempt ${attempt.attempt}</strong> ${timeOf(attempt.startedAt, 'time')}
            ${attempt.durationMs !== null && html`<span class="faint">${Math.round(attempt.durationMs)} ms</span>`}
            <span class="said">${attemptWords(attempt)}</span>
          </li>`,
      )}
    </ol>`;
}

/** What a screen reader is told when it changes. */
function spoken(unlock: UnlockAnswer): string {
  const { outcome, verification, attempts: all } = unlock;
  if (outcome !== null) return [`${outcomeWords[outcome]}.`, verification === null ? '' : verificationWords[verification]].join(' ').trim();
  const last = all.at(-1);
  return last === undefined ? progressWords(unlock) : `Attempt ${last.attempt}: ${attemptWords(last)} ${progressWords(unlock)}`;
}
