import { approvalDecisions, objectionToApprover, type ApprovalDecision } from '../domain/approval.js';
import type { UnlockAnswer } from '../http/answer-schemas.js';
import { errorCodes } from '../http/error-codes.js';
import { invalid, Problem } from '../http/problem.js';
import { html, type Html } from './html.js';
import type { Page, PersonalVisit, Reply } from './page.js';
import type { Session } from './sessions.js';
import { timeOf } from './times.js';
import { actorWords, approvalWords, whyApproval } from './words.js';

const FORM = 'decide';

const labels: Readonly<Record<ApprovalDecision, string>> = { approve: 'Approve', decline: 'Decline' };

/** What people are told on the spot; all else is an error like any other. */
const TOLD_HERE = new Set([400, 409]);

/** What a second person decides; the API holds whether they may, and whether there is anything to decide. */
export function approvalPages(): Page[] {
  async function decide({ params, form, ask }: PersonalVisit): Promise<Reply> {
    const { correlationId = '' } = params;
    const decision = approvalDecisions.find((name) => name === form.get('decision'));
    if (decision === undefined) throw invalid([{ pointer: '/decision', detail: 'is none that is known' }]);
    const [reason, ticket] = [form.get('reason')?.trim() ?? '', form.get('ticket')?.trim() ?? ''];
    try {
      const body = { reason, ...(ticket !== '' && { ticket }) };
      await ask({ method: 'post', route: `/v1/unlocks/{correlationId}:${decision}`, params: { correlationId }, body });
      return { kind: 'redirect', to: `/unlocks/${correlationId}` };
    } catch (error) {
      if (!(error instanceof Problem) || !(TOLD_HERE.has(error.httpStatus) || error.code === 'approver_not_allowed')) throw error;
      const main = html`<h1>${labels[decision]}: nothing was decided</h1>
        <p>
          ${error.httpStatus === 400 ? 'Say why you decide so, in at most 500 characters.' : `${errorCodes[error.code].title}. ${error.message}`}
        </p>
        <p><a class="button" href="/unlocks/${correlationId}">Back to the request</a></p>`;
      return { kind: 'page', httpStatus: error.httpStatus, title: 'Nothing was decided', main };
    }
  }

  // Who may not is refused by the API, which puts that on record.
  return [{ method: 'post', path: '/unlocks/{correlationId}/decision', access: 'session', handle: decide }];
}

/** Whether a form is shown: to whom it would only be refused, it is not. */
export function mayDecide({ requestedBy }: UnlockAnswer, { person }: Session): boolean {
  if (!person.scopes.includes('unlocks:approve')) return false;
  const asked = { actorId: requestedBy?.id ?? null, onBehalfOf: requestedBy?.onBehalfOf?.id ?? null };
  return objectionToApprover({ type: 'user', id: person.id, name: person.name }, asked) === null;
}

/** That it waits for a second person, with the buttons for whoever may be that one. */
export function waitingForApproval(unlock: UnlockAnswer, session: Session): Html {
  const { approval, requestedBy } = unlock;
  if (approval === null) return html``;
  const canDecide = mayDecide(unlock, session);
  const isApprover = session.person.scopes.includes('unlocks:approve');
  return html`<h1 class="verdict plain">Waits for a second person</h1>
    <p>${whyApproval(approval)} Nothing is sent to the bank until somebody else has approved.</p>
    <p>
      It waits until ${timeOf(approval.expiresAt)}<span data-until="${approval.expiresAt}"></span>; without a decision it ends without an
      unlock.
    </p>
    <p>
      Who may decide: somebody of your institution who may approve (<code>unlocks:approve</code>), and who did not ask for it: not
      ${actorWords(requestedBy)}.
    </p>
    ${isApprover && !canDecide && html`<p class="note">You asked for this unlock, or it is yours by name: another person must decide on it.</p>`}
    ${canDecide && buttons()}`;
}

function buttons(): Html {
  // The form's first button is what Enter would press in a field: neither is meant by that.
  return html`<p class="actions">
    <button form="${FORM}" disabled hidden>Choose a button</button>
    <button id="decide-approve" form="${FORM}" name="decision" value="approve">${labels.approve}</button>
    <button class="quiet" id="decide-decline" form="${FORM}" name="decision" value="decline">${labels.decline}</button>
  </p>`;
}

/** Where a second person says why; beside what is redrawn, so that nothing typed is lost, and shown only while somebody is waited for. */
export function decisionForm(correlationId: string, formToken: string): Html {
  return html`<form class="while-waiting" id="${FORM}" method="post" action="/unlocks/${correlationId}/decision">
    <h2>Decide on it</h2>
    <input type="hidden" name="formToken" value="${formToken}" />
    <label for="decide-reason">Why you decide so</label>
    <input id="decide-reason" name="reason" required maxlength="500" autocomplete="off" aria-describedby="decide-hint" />
    <p class="faint" id="decide-hint">
      How did you make sure that it is the customer? Then press one of the buttons above. Your name and this stay on record.
    </p>
    <label for="decide-ticket">Ticket <span class="faint">(if there is one)</span></label>
    <input id="decide-ticket" name="ticket" maxlength="100" autocomplete="off" />
  </form>`;
}

/** What became of it: nothing where nobody was asked, or is waited for. */
export function approvalOutcome({ approval }: UnlockAnswer): Html {
  if (approval === null || approval.state === 'waiting') return html``;
  const { state, decidedBy, decidedAt, reason } = approval;
  return html`<h2>The second person</h2>
    <p class="decision ${state === 'approved' ? 'good' : 'plain'}">
      <strong>${approvalWords[state]}</strong>
      ${decidedBy !== null && html` by ${actorWords(decidedBy)}`}${decidedAt !== null && html`, ${timeOf(decidedAt)}`}${reason !== null && `: ${reason}`}
    </p>
    <p class="faint">${whyApproval(approval)}</p>`;
}
