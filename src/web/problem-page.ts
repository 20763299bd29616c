import { errorCodes, type ErrorCode } from '../http/error-codes.js';
import type { Problem } from '../http/problem.js';
import { html, type Html } from './html.js';

/** What people are told to do, where the words for programs would not help them. */
const remedies: { readonly [code in ErrorCode]?: string } = {
  insufficient_scope: 'Your account does not have this right. If you need it, ask whoever manages the accounts of your institution for it.',
  institution_not_served: 'Your account belongs to an institution that is not served here. Ask whoever manages your account.',
  foreign_form: 'Nothing was done. Go back to the page, load it again, and send the form once more.',
  not_found: 'Check the address. What belongs to another institution is not found either.',
  customer_not_found: 'Check the customer id with the customer and search again.',
  validation_failed: 'Go back, correct what is named here, and try again.',
  correlation_id_in_use: 'Go back to the search and begin again: this form was already used for somebody else.',
  temporarily_unavailable: 'Try again in a moment. What was accepted before goes on.',
  upstream_unavailable: 'The bank does not answer now. Try again in a moment.',
  rate_limited: 'Wait a minute, then try again. What was accepted before goes on.',
  seal_broken:
    'Rows are not what was sealed: somebody has changed them, or they are damaged. Tell whoever answers for the audit log at once, with the number below.',
  too_many_exports: 'Wait until one of them is through, then try again.',
  internal_error: 'This is no fault of yours. Give the operators of Latchkey the number below.',
};

/** An error in words that say what to do. */
export function problemMain(problem: Problem, correlationId: string): Html {
  const { title, remedy } = errorCodes[problem.code];
  return html`<h1>${title}</h1>
    <p>${problem.message}</p>
    ${
      problem.errors.length > 0 &&
      html`<ul>
        ${problem.errors.map(({ pointer, detail }) => html`<li><code>${pointer}</code> ${detail}</li>`)}
      </ul>`
    }
    <p>${remedies[problem.code] ?? remedy}</p>
    <p><a href="/">To the start</a></p>
    <p class="faint">Number of this call: <code>${correlationId}</code></p>`;
}

/** Somebody must sign in before they go on. */
export function signInMain(why: string, to: string): Html {
  return html`<h1>Sign in to go on</h1>
    <p>${why}</p>
    <p><a class="button" href="${signInPath(to)}">Sign in</a></p>`;
}

/** Where sign-in begins that comes back to a path. */
export function signInPath(to: string): string {
  return `/sign-in?${new URLSearchParams({ to }).toString()}`;
}
