import { operatorActionNames, type OperatorAction } from '../domain/operator-action.js';
import type { UnlockAnswer } from '../http/answer-schemas.js';
import { errorCodes } from '../http/error-codes.js';
import { invalid, Problem } from '../http/problem.js';
import { html, type Html } from './html.js';
import type { Page, PersonalVisit, Reply } from './page.js';

const FORM = 'operate';

const labels: Readonly<Record<OperatorAction, string>> = {
  'retry-now': 'Try again now',
  pause: 'Pause',
  resume: 'Resume',
  cancel: 'Cancel the request',
};

/** What operators do with a request that is under way; the API decides whether they may, and whether there is anything to do it to. */
export function operatorPages(): Page[] {
  async function act({ params, form, ask }: PersonalVisit): Promise<Reply> {
    const { correlationId = '' } = params;
    const action = operatorActionNames.find((name) => name === form.get('action'));
    if (action === undefined) throw invalid([{ pointer: '/action', detail: 'is none that is known' }]);
    const [reason, ticket] = [form.get('reason')?.trim() ?? '', form.get('ticket')?.trim() ?? ''];
    try {
      const body = { reason, ...(ticket !== '' && { ticket }) };
      await ask({ method: 'post', route: `/v1/unlocks/{correlationId}:${action}`, params: { correlationId }, body });
      return { kind: 'redirect', to: `/unlocks/${correlationId}` };
    } catch (error) {
      if (!(error instanceof Problem) || (error.httpStatus !== 409 && error.httpStatus !== 400)) throw error;
      const main = html`<h1>${labels[action]}: nothing was done</h1>
        <p>
          ${error.httpStatus === 400 ? 'Say why you do it, in at most 500 characters.' : `${errorCodes[error.code].title}. ${error.message}`}
        </p>
        <p><a class="button" href="/unlocks/${correlationId}">Back to the request</a></p>`;
      return { kind: 'page', httpStatus: error.httpStatus, title: 'Nothing was done', main };
    }
  }

  return [{ method: 'post', path: '/unlocks/{correlationId}/actions', access: 'session', handle: act }];
}

/** The buttons that make sense as the request stands; they belong to the form beside what is redrawn, so that nothing typed is lost. */
export function operatorButtons({ paused, nextAttemptAt, approval }: UnlockAnswer): Html {
  const actions: OperatorAction[] =
    approval?.state === 'waiting'
      ? ['cancel']
      : paused === true
        ? ['resume', 'cancel']
        : [...(nextAttemptAt === null ? [] : ['retry-now' as const]), 'pause', 'cancel'];
  // The form's first button is what Enter would press in a field: none of these is meant by that.
  return html`<p class="actions">
    <button form="${FORM}" disabled hidden>Choose a button</button>
    ${actions.map((action) => html`<button class="quiet" id="act-${action}" form="${FORM}" name="action" value="${action}">${labels[action]}</button> `)}
  </p>`;
}

/** Where an operator says why. */
export function operatorForm(correlationId: string, formToken: string): Html {
  return html`<form class="while-running" id="${FORM}" method="post" action="/unlocks/${correlationId}/actions">
    <h2>Steer it</h2>
    <input type="hidden" name="formToken" value="${formToken}" />
    <label for="act-reason">Reason</label>
    <input id="act-reason" name="reason" required maxlength="500" autocomplete="off" aria-describedby="act-hint" />
    <p class="faint" id="act-hint">Then press one of the buttons above. Who did it and why is on record before it is done.</p>
    <label for="act-ticket">Ticket <span class="faint">(if there is one)</span></label>
    <input id="act-ticket" name="ticket" maxlength="100" autocomplete="off" />
  </form>`;
}
