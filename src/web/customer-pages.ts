import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { lockStatusSchema, unlockSchema } from '../http/answer-schemas.js';
import { invalid, Problem, type InputFault } from '../http/problem.js';
import { html, type Html } from './html.js';
import type { Page, PersonalVisit, Reply } from './page.js';
import { timeOf } from './times.js';
import { outcomeWords } from './words.js';

type LockStatus = z.infer<typeof lockStatusSchema>;

interface CustomerPagesParts {
  /** Customers of the sandbox bank, to try; none elsewhere. */
  readonly tryOut: readonly { readonly customerId: string; readonly says: string }[];
}

const READ = 'institution-users:read';
const WRITE = 'institution-users:write';

/** Finding a customer, seeing what keeps them out, and asking for an unlock. A customer's id stands in forms and never in an address. */
export function customerPages({ tryOut }: CustomerPagesParts): Page[] {
  async function search({ session }: PersonalVisit): Promise<Reply> {
    return { kind: 'page', title: 'Unlock', main: searchMain(session.formToken, tryOut) };
  }

  async function look({ form, ask, session }: PersonalVisit): Promise<Reply> {
    const customerId = (form.get('customerId') ?? '').trim();
    try {
      const { body } = await ask({ method: 'get', route: '/v1/customers/{customerId}/lock-status', params: { customerId } });
      const status = lockStatusSchema.parse(body);
      return { kind: 'page', title: 'Customer', main: statusMain(status, session.formToken, session.person.scopes.includes(WRITE)) };
    } catch (error) {
      if (!(error instanceof Problem) || (error.code !== 'validation_failed' && error.code !== 'customer_not_found')) throw error;
      const fault =
        error.code === 'customer_not_found'
          ? 'The bank knows no customer of this id. Check it with the customer.'
          : `This ${error.errors[0]?.detail ?? 'is no customer id'}.`;
      return {
        kind: 'page',
        httpStatus: error.httpStatus,
        title: 'Unlock',
        main: searchMain(session.formToken, tryOut, { customerId, fault }),
      };
    }
  }

  async function unlock({ form, ask, session }: PersonalVisit): Promise<Reply> {
    const [customerId, correlationId, reason, ticket] = ['customerId', 'correlationId', 'reason', 'ticket'].map((name) =>
      (form.get(name) ?? '').trim(),
    );
    const wish: Wish = { customerId: customerId ?? '', correlationId: correlationId ?? '', reason: reason ?? '', ticket: ticket ?? '' };
    try {
      // The desk asks why, whatever the institution's rule for programs is.
      if (wish.reason === '') throw invalid([{ pointer: '/reason', detail: 'must not be empty' }]);
      const { body } = await ask({
        method: 'post',
        route: '/v1/unlocks',
        headers: { correlationid: wish.correlationId },
        body: { customerId: wish.customerId, reason: wish.reason, ...(wish.ticket !== '' && { ticket: wish.ticket }) },
      });
      return { kind: 'redirect', to: `/unlocks/${unlockSchema.parse(body).correlationId}` };
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'validation_failed' || !error.errors.some(isTheirs)) throw error;
      const main = html`<h1>Unlock customer <code>${wish.customerId}</code></h1>
        ${unlockForm(session.formToken, wish, error.errors)}`;
      return { kind: 'page', httpStatus: 400, title: 'Correct the form', main };
    }
  }

  return [
    { method: 'get', path: '/', access: READ, handle: search },
    { method: 'post', path: '/customers', access: READ, handle: look },
    // Who may not is refused by the API, which puts that on record.
    { method: 'post', path: '/unlocks', access: 'session', handle: unlock },
  ];
}

interface Wish {
  readonly customerId: string;
  readonly correlationId: string;
  readonly reason: string;
  readonly ticket: string;
}

/** What the person typed, and can correct. */
const isTheirs = ({ pointer }: InputFault): boolean => pointer === '/reason' || pointer === '/ticket';

function searchMain(
  formToken: string,
  tryOut: CustomerPagesParts['tryOut'],
  wrong: { readonly customerId: string; readonly fault: string } | null = null,
): Html {
  const describedBy = wrong === null ? 'customerId-hint' : 'customerId-fault customerId-hint';
  return html`<h1>Unlock a customer</h1>
    <form method="post" action="/customers" class="search">
      <input type="hidden" name="formToken" value="${formToken}" />
      <label for="customerId">Customer id</label>
      ${wrong !== null && html`<p class="fault" id="customerId-fault">${wrong.fault}</p>`}
      <div class="row">
        <input
          id="customerId"
          name="customerId"
          required
          autocomplete="off"
          spellcheck="false"
          autocapitalize="off"
          maxlength="256"
          autofocus
          value="${wrong?.customerId ?? ''}"
          aria-describedby="${describedBy}"
          ${wrong !== null && html`aria-invalid="true"`}
        />
        <button>Look up</button>
      </div>
      <p class="faint" id="customerId-hint">
        As the bank writes it. The bank is asked for the lock status, and that you looked is recorded.
      </p>
    </form>
    ${
      tryOut.length > 0 &&
      html`<section aria-labelledby="try">
        <h2 id="try">Try it with a customer of the sandbox bank</h2>
        <form method="post" action="/customers">
          <input type="hidden" name="formToken" value="${formToken}" />
          <ul class="choices">
            ${tryOut.map(
              ({ customerId, says }) =>
                html`<li>
                  <button class="quiet" name="customerId" value="${customerId}"><code>${customerId}</code></button> ${says}
                </li>`,
            )}
          </ul>
        </form>
      </section>`
    }`;
}

function statusMain(status: LockStatus, formToken: string, mayUnlock: boolean): Html {
  const { customerId, lockStatus, diagnosis, approvalNeeded, lastUnlocks } = status;
  const isLocked = lockStatus === 'locked';
  return html`<h1>Customer <code>${customerId}</code></h1>
    <p class="verdict ${isLocked ? 'bad' : 'plain'}">
      <strong>${isLocked ? 'Locked' : 'Not locked'}</strong>
      ${isLocked ? (diagnosis === null ? 'An unlock is all that is needed.' : null) : 'An unlock will not help.'}
    </p>
    ${diagnosis !== null && html`<p class="note">${diagnosis}</p>`}
    ${
      approvalNeeded &&
      html`<p class="note">
        This customer was unlocked too often lately: a second person will have to approve this unlock before anything is sent to the bank.
      </p>`
    }
    ${isLocked && mayUnlock && unlockForm(formToken, { customerId, correlationId: randomUUID(), reason: '', ticket: '' }, [])}
    ${isLocked && !mayUnlock && html`<p class="note">You may look, but not unlock: your account does not have the right <code>${WRITE}</code>.</p>`}
    <form method="post" action="/customers">
      <input type="hidden" name="formToken" value="${formToken}" />
      <input type="hidden" name="customerId" value="${customerId}" />
      <button class="quiet">Look again</button>
      <a href="/">Another customer</a>
    </form>
    <h2>Last unlocks</h2>
    ${
      lastUnlocks.length === 0
        ? html`<p>None on record.</p>`
        : html`<ul>
            ${lastUnlocks.map(
              ({ correlationId, requestedAt, outcome }) =>
                html`<li>
                  <a href="/unlocks/${correlationId}">${timeOf(requestedAt)}</a> ${outcome === null ? 'Under way' : outcomeWords[outcome]}
                </li>`,
            )}
          </ul>`
    }`;
}

function unlockForm(formToken: string, { customerId, correlationId, reason, ticket }: Wish, faults: readonly InputFault[]): Html {
  const faultOf = (name: string): string | null => faults.find(({ pointer }) => pointer === `/${name}`)?.detail ?? null;
  const [reasonFault, ticketFault] = [faultOf('reason'), faultOf('ticket')];
  return html`<form method="post" action="/unlocks" class="unlock" data-once>
    <input type="hidden" name="formToken" value="${formToken}" />
    <input type="hidden" name="customerId" value="${customerId}" />
    <input type="hidden" name="correlationId" value="${correlationId}" />
    <label for="reason">Reason</label>
    ${reasonFault !== null && html`<p class="fault" id="reason-fault">The reason ${reasonFault}.</p>`}
    <input
      id="reason"
      name="reason"
      required
      maxlength="500"
      autocomplete="off"
      value="${reason}"
      aria-describedby="${reasonFault === null ? 'reason-hint' : 'reason-fault reason-hint'}"
      ${reasonFault !== null && html`aria-invalid="true" autofocus`}
    />
    <p class="faint" id="reason-hint">Kept in the audit log for ever. No personal data, please.</p>
    <label for="ticket">Ticket <span class="faint">(if there is one)</span></label>
    ${ticketFault !== null && html`<p class="fault" id="ticket-fault">The ticket ${ticketFault}.</p>`}
    <input
      id="ticket"
      name="ticket"
      maxlength="100"
      autocomplete="off"
      value="${ticket}"
      ${ticketFault !== null && html`aria-describedby="ticket-fault" aria-invalid="true"`}
    />
    <button>Unlock</button>
  </form>`;
}
