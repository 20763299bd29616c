import type { UnlockAnswer } from '../http/answer-schemas.js';
import { html, type Html } from './html.js';
import { timeOf } from './times.js';

const WIDTH = 1000;
const HEIGHT = 28;
/** Less could not be seen. */
const THINNEST = 4;

/** The attempts of a request on a line of its whole time, to scale; the list beside it says the same in words. */
export function timeline({ requestedAt, completedAt, nextAttemptAt, attempts }: UnlockAnswer, now: Date): Html {
  const start = Date.parse(requestedAt);
  const end = Math.max(start + 1, completedAt === null ? now.getTime() : Date.parse(completedAt), Date.parse(nextAttemptAt ?? requestedAt));
  const at = (time: number): number => Math.round(((time - start) / (end - start)) * WIDTH);
  const bars = attempts.map(({ startedAt, finishedAt, result }) => {
    const from = Math.min(at(Date.parse(startedAt)), WIDTH - THINNEST);
    const until = finishedAt === null ? at(Math.min(end, now.getTime())) : at(Date.parse(finishedAt));
    return html`<rect class="${result ?? 'out'}" x="${from}" y="4" width="${Math.max(THINNEST, until - from)}" height="${HEIGHT - 8}" />`;
  });
  const seconds = ((end - start) / 1000).toFixed(1);
  const due =
    nextAttemptAt !== null &&
    html`<line class="due" x1="${at(Date.parse(nextAttemptAt))}" x2="${at(Date.parse(nextAttemptAt))}" y1="0" y2="${HEIGHT}" />`;
  return html`<figure class="timeline">
    <svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      preserveAspectRatio="none"
      role="img"
      aria-label="${attempts.length === 1 ? 'One attempt' : `${attempts.length} attempts`} within ${seconds} seconds, to scale"
    >
      <line x1="0" x2="${WIDTH}" y1="${HEIGHT / 2}" y2="${HEIGHT / 2}" />
      ${bars}${due}
    </svg>
    <figcaption>
      <span>${timeOf(requestedAt, 'time')}</span><span>${seconds} s</span><span>${timeOf(new Date(end).toISOString(), 'time')}</span>
    </figcaption>
  </figure>`;
}
